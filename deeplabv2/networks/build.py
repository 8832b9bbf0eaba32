"""The network of a configuration."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from common.models.backbones import build_backbone
from common.models.weights import load_weights, read_state_dict
from deeplabv2.networks.deeplabv2 import DeepLabV2
from deeplabv2.networks.msc import MSC
from deeplabv2.settings import DeepLabConfig


def build_network(config: DeepLabConfig) -> MSC:
    """The network with its initial weights: the body's, then those of INIT_MODEL."""
    model = config.MODEL
    network = MSC(DeepLabV2(build_backbone(model.BODY), config.DATASET.N_CLASSES, model.ATROUS_RATES), model.PYRAMID)
    if model.INIT_MODEL:
        load_weights(network, read_state_dict(model.INIT_MODEL), source=model.INIT_MODEL)
    return network


def load_network(config: DeepLabConfig, checkpoint: Path) -> MSC:
    """The network with the weights of a finished training, in eval mode.

    Raises:
        CheckpointError: the file is missing or belongs to another network.
    """
    body = dataclasses.replace(config.MODEL.BODY, weights="")
    bare = dataclasses.replace(config, MODEL=dataclasses.replace(config.MODEL, BODY=body, INIT_MODEL=""))
    network = build_network(bare)
    load_weights(network, read_state_dict(checkpoint), source=str(checkpoint))
    return network.eval()
