"""Saliency-guided self-attention network (SGAN): seeds for weakly and semi-supervised segmentation.

Yao and Gong, "Saliency Guided Self-Attention Network for Weakly and Semi-Supervised Semantic Segmentation", IEEE Access 8
(2020), arXiv 1910.05475.
"""
