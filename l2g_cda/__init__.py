"""Local-to-global transfer (L2G) with suppression, attention and online context-decoupling augmentation (CDA)."""
