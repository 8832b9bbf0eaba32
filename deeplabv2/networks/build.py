"""The network of a configuration, its weights, its input and its parameter groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from common.engine.optimizer import GroupRule, body_and_head_rules, parameter_groups
from common.errors import CheckpointError
from common.models.weights import LoadReport, load_weights, read_state_dict
from deeplabv2.inputs import InputConvention, caffe_input, imagenet_input
from deeplabv2.networks.msc import MSC
from deeplabv2.networks.registry import network_kind
from deeplabv2.sections_training import Model, Solver
from deeplabv2.settings import DeepLabConfig


def bare_network(model: Model, n_labels: int) -> nn.Module:
    """The network ``model`` describes, without INIT_MODEL: tensors are named as in the published checkpoints.

    Raises:
        ConfigError: the name is unknown or contradicts other settings.
    """
    kind = network_kind(model)
    base = kind.build(model, n_labels)
    return MSC(base, model.PYRAMID, model.PYRAMID_RESIZE) if kind.trains else base


def build_network(config: DeepLabConfig, announce: Callable[[str], None] = print) -> nn.Module:
    """The network as a training starts from it.

    Args:
        announce: gets one line that says what of INIT_MODEL was used and what was not.

    Raises:
        ConfigError: the settings contradict each other.
        CheckpointError: INIT_MODEL is missing or does not fit.
    """
    model = config.MODEL
    network = bare_network(model, config.DATASET.N_CLASSES)
    base = network.base if isinstance(network, MSC) else network
    head = network_kind(model).head
    if model.INIT_MODEL:
        report = load_initial_weights(base, head, model.INIT_MODEL, force=model.FORCE_INIT)
        announce(f"Init: {report.summary()}")
    if model.FREEZE_HEAD:
        base.get_submodule(head).requires_grad_(False)
    return network


def load_initial_weights(base: nn.Module, head: str, path: Path | str, force: bool = False) -> LoadReport:
    """Start ``base``, a network for one scale, from a checkpoint: of its body alone, of a container of the COCO weights,
    or of a whole network.

    Args:
        head: name of the head, which may be missing from the file or have another number of labels.
        force: take what fits even if not all of the body does.

    Raises:
        CheckpointError: the file is missing or unreadable, or a tensor of the body is missing or of another shape.
    """
    state, prefixes = read_state_dict(path), ("module.", "base.")
    try:
        return load_weights(base, state, source=str(path), strip_prefixes=prefixes, optional=(f"{head}.",), force=force)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error} (Weights of torchvision or timm start MODEL.NAME DeepLabV2_MSC, as MODEL.BODY.weights.)"
        ) from error


def load_network(config: DeepLabConfig, checkpoint: Path | str) -> nn.Module:
    """The network with the weights of a finished training, in eval mode.

    Raises:
        CheckpointError: the file is missing, or any tensor of the network or of the file has no counterpart.
    """
    body = dataclasses.replace(config.MODEL.BODY, weights="")
    network = bare_network(dataclasses.replace(config.MODEL, BODY=body), config.DATASET.N_CLASSES)
    load_strictly(network, checkpoint)
    return network.eval()


def load_strictly(network: nn.Module, checkpoint: Path | str) -> None:
    """Load a checkpoint whose tensors are exactly those of ``network`` (``module.`` prefixes are taken off)."""
    report = load_weights(network, read_state_dict(checkpoint), source=str(checkpoint))
    if report.unexpected:
        raise CheckpointError(
            f"{report.summary()}. The checkpoint is of a larger network than {type(network).__name__}: choose the MODEL "
            "it was trained with (NAME, N_BLOCKS, ATROUS_RATES)."
        )


def input_convention(config: DeepLabConfig) -> InputConvention:
    """How images enter the network of ``config``."""
    if network_kind(config.MODEL).input == "imagenet":
        return imagenet_input()
    mean = config.IMAGE.MEAN
    return caffe_input((mean.B, mean.G, mean.R))


def network_groups(network: nn.Module, model: Model, solver: Solver) -> list[dict[str, Any]]:
    """The optimiser's parameter groups (deeplabv2 spec, section 5): body 1x, head weights 10x, head biases 20x without
    decay; one group for I2CRC. What does not learn is in none.
    """
    kind = network_kind(model)
    rules = [GroupRule("all", "")]
    if kind.groups == "head":
        rules = body_and_head_rules(kind.head, solver.HEAD_LR_MULTIPLIER)
    return parameter_groups(network, rules, solver.LR, solver.WEIGHT_DECAY, solver.DECAY_VECTORS)
