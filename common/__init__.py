"""What the methods share: data, models, CAMs, pseudo labels, dense CRF, the training loop, metrics and reports."""
