"""EPS, and SMAF: self-training on its fused multi-scale attention maps."""
