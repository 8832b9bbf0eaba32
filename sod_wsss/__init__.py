"""Saliency-enhanced pseudo labels: a saliency network, a selector of salient objects, base labels, DeepLabv3+ on the result.

More than 12 files: three networks with losses and data of their own, saliency measures, a random walk, the programs of DeepLabv3+.
"""
