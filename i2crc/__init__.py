"""I2CRC: a classifier whose maps saliency holds together, and labels refined by a first segmentation network (IEEE TMM 2023)."""
