"""DeepLab-v2: the segmentation trainer that every method feeds with pseudo labels."""
