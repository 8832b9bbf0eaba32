"""Training items (view, saliency, patch boxes) and the scales of inference."""
