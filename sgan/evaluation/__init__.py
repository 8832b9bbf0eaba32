"""Scores of seeds, whose unlabelled pixels count as missed but not as wrong."""
