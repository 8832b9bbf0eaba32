"""What the network sees of an image: published resampling, salient mask and seed at feature size."""
