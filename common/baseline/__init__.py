"""The baselines every method is read against: plain CAM, and CAM x saliency.

Train a multi-label classifier on tags, compute its CAMs, turn them into pseudo labels: with a constant background score
(plain CAM), or with the background taken from a saliency map (CAM x saliency).
"""
