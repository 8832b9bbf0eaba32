"""Segmentation networks: body, atrous head, multi-scale pyramid."""
