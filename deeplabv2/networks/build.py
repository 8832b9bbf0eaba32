"""The network of a configuration as a training starts from it and as it is used, its input and its parameter groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from common.engine.optimizer import OptimizerConfig, parameter_groups
from common.errors import CheckpointError
from common.models.weights import load_weights, read_state_dict
from deeplabv2.networks.initial_weights import caffe_tensors
from deeplabv2.networks.msc import MSC
from deeplabv2.networks.registry import NetworkConfig, network_kind
from deeplabv2.samples import InputConvention, caffe_input, imagenet_input


def bare_network(config: NetworkConfig) -> nn.Module:
    """The network without ``network.weights``: tensors are named as in the published checkpoints.

    Raises:
        ConfigError: the name is unknown or contradicts other settings.
    """
    kind = network_kind(config)
    base = kind.build(config)
    return MSC(base, config.pyramid, config.pyramid_resize) if kind.trains else base


def build_network(config: NetworkConfig, announce: Callable[[str], None] = print) -> nn.Module:
    """The network as a training starts from it.

    Args:
        announce: gets one line that says what of the initial weights was used and what was not.

    Raises:
        ConfigError: the settings contradict each other.
        CheckpointError: the initial weights are missing or do not fit.
    """
    network, kind = bare_network(config), network_kind(config)
    base = for_one_scale(network)
    if config.weights:
        report = kind.load(base, kind.head, config.weights, config.force_weights)
        announce(f"Init: {report.summary()}")
    if config.freeze_head:
        for name, parameter in base.named_parameters():
            if name.startswith(kind.head):
                parameter.requires_grad_(False)
    return network


def for_one_scale(network: nn.Module) -> nn.Module:
    """The network inside its pyramid."""
    return network.base if isinstance(network, MSC) else network


def load_network(config: NetworkConfig, checkpoint: Path) -> nn.Module:
    """The network with the weights of a finished training, in eval mode.

    Args:
        checkpoint: a file of tensors; of DSRG_VGG16 also a caffemodel.

    Raises:
        CheckpointError: the file is missing, or any tensor of the network or of the file has no counterpart.
    """
    # The checkpoint covers every tensor, so the initial weights need not be at hand any more.
    network = bare_network(dataclasses.replace(config, backbone=dataclasses.replace(config.backbone, weights="")))
    if checkpoint.suffix == ".caffemodel":
        base = for_one_scale(network)
        load_weights(base, caffe_tensors(base, checkpoint), source=str(checkpoint))
    else:
        load_strictly(network, checkpoint)
    return network.eval()


def load_strictly(network: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint whose tensors are exactly those of ``network``, or of what is inside its pyramid (``module.`` prefixes
    are taken off).
    """
    state = read_state_dict(checkpoint)
    holder = network if any("base." in name for name in state) else for_one_scale(network)
    report = load_weights(holder, state, source=str(checkpoint))
    if report.unexpected:
        raise CheckpointError(
            f"{report.summary()}. The checkpoint is of a larger network than {type(network).__name__}: choose the one it "
            "was trained with (network.name, network.blocks, network.rates)."
        )


def input_convention(config: NetworkConfig, mean_bgr: tuple[float, float, float]) -> InputConvention:
    """How images enter the network; the mean, in grey levels, is that of Caffe's networks."""
    return imagenet_input() if network_kind(config).input == "imagenet" else caffe_input(mean_bgr)


def network_groups(network: nn.Module, config: NetworkConfig, optimizer: OptimizerConfig) -> list[dict[str, Any]]:
    """The optimiser's parameter groups; what does not learn is in none."""
    kind = network_kind(config)
    rules = kind.rules(kind.head, optimizer.head_lr_multiplier)
    return parameter_groups(network, rules, optimizer.lr, optimizer.weight_decay, optimizer.decay_vectors)
