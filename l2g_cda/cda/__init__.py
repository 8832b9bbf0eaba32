"""Online context-decoupling augmentation: a bank of cut-out objects, and pasting one into every training image."""
