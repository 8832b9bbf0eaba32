"""Backbones, the CAM classifier on top of them, and the loading of published weights.

``backbones.build_backbone`` turns a ``BackboneConfig`` into a ``base.Backbone``; ``classifier.CamClassifier`` puts
class maps on it; ``weights.load_weights`` loads any published checkpoint and reports every tensor that does not fit;
``fold.fold_batchnorm`` makes a faster copy for inference.
"""
