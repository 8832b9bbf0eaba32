"""Saliency-enhanced pseudo labels: a saliency network, a selector of salient objects, base labels, DeepLabv3+ on the result."""
