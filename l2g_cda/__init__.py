"""Local-to-global transfer (L2G) with suppression, attention and online context-decoupling augmentation (CDA).

More than 12 files: two networks, the pasting of objects and the bank they come from, beside the labels.
"""
