"""Segmentation networks: backbone, atrous head, multi-scale pyramid."""
