"""Parameter groups, optimiser and learning-rate schedules (l2g_cda spec, sections 2.5 and 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from common.engine.schedules import Schedule
from common.errors import ConfigError
from l2g_cda.models.network import L2GNetwork
from l2g_cda.models.pair import LocalToGlobal

# Kinds of parameters of one network, in the order of the groups; the numbers are multiples of the learning rate.
BODY, BODY_BIAS, HEAD, HEAD_BIAS, BATCHNORM, ADDED = "x1", "x2", "x10", "x20", "batchnorm", "added"


@dataclass
class SolverConfig:
    """How both networks learn.

    Args:
        name: sgd (published) or adamw, for small networks from scratch.
        momentum: of sgd.
        nesterov: of sgd.
        weight_decay: of all groups.
        head_lr_multiplier: rate of the head's four layers relative to the body (biases twice that).
        train_added: whether the attention and suppression modules learn. As published they do not: the optimiser is built
            from convolutions only, so that "learnable" suppression keeps its initial weights.
        schedule: step (at the decay epochs, VOC) or poly (COCO).
        power: exponent of poly.
        argument_slip: as in the published COCO recipe, hand the weight decay to sgd as its momentum, without decay and
            without Nesterov.
    """

    name: Literal["sgd", "adamw"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    head_lr_multiplier: float = 10.0
    train_added: bool = False
    schedule: Literal["step", "poly"] = "step"
    power: float = 0.7
    argument_slip: bool = False

    def __post_init__(self) -> None:
        if self.argument_slip and self.name != "sgd":
            raise ConfigError(
                "solver.argument_slip is a slip in the arguments of sgd; leave it out with another optimiser"
            )


def parameters_by_kind(network: L2GNetwork) -> dict[str, list[str]]:
    """Kind -> names of all parameters of that kind, frozen ones too.

    Convolutions of the body are ``x1`` (their biases ``x2``), those of the head ``x10`` and ``x20``; BatchNorm of the body
    is ``batchnorm``; what is left in attention and suppression modules is ``added``.
    """
    kinds: dict[str, list[str]] = {kind: [] for kind in (BODY, BODY_BIAS, HEAD, HEAD_BIAS, BATCHNORM, ADDED)}
    for module_name, module in network.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            kinds[kind_of(network, module_name, module, name)].append(f"{module_name}.{name}")
    return kinds


def kind_of(network: L2GNetwork, module_name: str, module: nn.Module, name: str) -> str:
    is_bias = name == "bias"
    if any(module is layer for layer in network.head):
        return HEAD_BIAS if is_bias else HEAD
    if isinstance(module, nn.Conv2d):
        return BODY_BIAS if is_bias else BODY
    inside_added = any(part in module_name for part in ("se_layer", "DRS_", "suppressions"))
    return ADDED if inside_added or not isinstance(module, nn.BatchNorm2d) else BATCHNORM


def optimizer_groups(pair: LocalToGlobal, lr: float, config: SolverConfig) -> list[dict[str, Any]]:
    """Groups of what learns, for each kind first the global network's, then the local one's; empty ones are left out."""
    head = config.head_lr_multiplier
    multipliers = {BODY: 1.0, BODY_BIAS: 2.0, HEAD: head, HEAD_BIAS: 2 * head, BATCHNORM: 1.0}
    if config.train_added:
        multipliers[ADDED] = head
    networks = {"global": pair.whole, "local": pair.local}
    kinds = {place: parameters_by_kind(network) for place, network in networks.items()}
    groups = []
    for kind, multiplier in multipliers.items():
        for place, network in networks.items():
            parameters = [network.get_parameter(name) for name in kinds[place][kind]]
            learning = [parameter for parameter in parameters if parameter.requires_grad]
            rate = lr * multiplier
            if learning:
                groups.append({"name": f"{kind}_{place}", "params": learning, "lr": rate, "initial_lr": rate})
    return groups


def build_optimizer(groups: list[dict[str, Any]], config: SolverConfig) -> torch.optim.Optimizer:
    """The optimiser over the groups of :func:`optimizer_groups`."""
    if config.name == "adamw":
        return torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    if config.argument_slip:
        return torch.optim.SGD(groups, momentum=config.weight_decay)
    return torch.optim.SGD(groups, momentum=config.momentum, weight_decay=config.weight_decay, nesterov=config.nesterov)


def step_decay(decay_epochs: Sequence[int], steps_per_epoch: int, first_epoch: int = 0) -> Schedule:
    """The rate is divided by ten at the start of each decay epoch; those before ``first_epoch`` never come."""

    def factor(step: int) -> float:
        epoch = first_epoch + step // steps_per_epoch
        return float(0.1 ** sum(first_epoch <= decay <= epoch for decay in decay_epochs))

    return factor


def poly(max_steps: int, power: float) -> Schedule:
    """(1 - step / max_steps) ** power; from ``max_steps`` on the last rate stays."""
    return lambda step: float((1 - min(step, max_steps - 1) / max_steps) ** power)
