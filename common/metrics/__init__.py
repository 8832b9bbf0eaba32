"""Segmentation scores: confusion matrix, scores, evaluation of a folder, threshold sweep."""
