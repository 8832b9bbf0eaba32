"""Datasets: images, label maps, lists, tags, where they lie on disk, and the tool that checks them."""
