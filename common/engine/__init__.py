"""The one training loop, the one images-to-files loop, and what they stand on."""
