"""From class activation maps and saliency to label maps."""
