"""The whole chain on one dataset: tags, classifier, CAMs, pseudo labels, DeepLab-v2, CRF, table and report.

Every stage is the command a user would type; the chain only puts them in order. A killed chain continues where it was.
"""
