"""Class activation maps: multi-scale inference and files."""
