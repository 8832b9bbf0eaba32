"""The network of a configuration, as a training starts from it and as it is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from torch import nn

from common.models.backbones import build_backbone, describe_weights
from common.models.weights import load_weights, read_state_dict
from sgan.segmentation.body_network import DeepLabBody
from sgan.segmentation.config import NetworkConfig
from sgan.segmentation.initial_weights import caffe_tensors, load_initial_weights
from sgan.segmentation.network import DeepLabVGG16


def build_network(config: NetworkConfig, n_labels: int, announce: Callable[[str], None] = print) -> nn.Module:
    """The network with its initial weights.

    Args:
        announce: gets one line that says what of the weights was used and what was not.

    Raises:
        ConfigError: the settings contradict each other.
        CheckpointError: the weights are missing or do not fit.
    """
    if config.name == "body":
        return DeepLabBody(build_backbone(config.body), n_labels, config.rates)
    network = DeepLabVGG16(n_labels, config.width, config.rates)
    if config.weights:
        announce(f"Init: {load_initial_weights(network, config.weights).summary()}")
    return network


def load_network(config: NetworkConfig, n_labels: int, checkpoint: Path) -> nn.Module:
    """The network of ``checkpoint``, a file of tensors or a caffemodel, in eval mode.

    Raises:
        CheckpointError: the file is missing, or a tensor of the network is missing in it or of another shape.
    """
    # The checkpoint covers every tensor, so the initial weights need not be at hand any more.
    bare = dataclasses.replace(config, weights="", body=dataclasses.replace(config.body, weights=""))
    network = build_network(bare, n_labels)
    is_caffe = checkpoint.suffix == ".caffemodel"
    state = caffe_tensors(network, checkpoint) if is_caffe else read_state_dict(checkpoint)
    load_weights(network, state, source=str(checkpoint))
    return network.eval()


def describe_initial_weights(config: NetworkConfig) -> str:
    """Where a training started from, for its results."""
    return describe_weights(config.body) if config.name == "body" else config.weights or "random"
