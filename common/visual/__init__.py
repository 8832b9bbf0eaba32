"""Pictures: overlays of CAMs and label maps, and images side by side."""
