"""What learns at which rate: parameter groups, optimiser, decay epochs (l2g_cda spec, sections 2.5 and 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from common.engine.optimizer import OptimizerConfig, build_optimizer
from common.errors import require
from l2g_cda.network import L2GNetwork, LocalToGlobal

# Kinds of parameters of one network, in the order of the groups; the numbers are multiples of the learning rate.
PARAMETER_KINDS = ("x1", "x2", "x10", "x20", "batchnorm", "added")


@dataclass
class L2GOptimizer(OptimizerConfig):
    """How both networks learn.

    Args:
        head_lr_multiplier: rate of the head's four layers relative to the backbone (biases twice that).
        train_added: whether the attention and suppression modules learn. As published they do not: the optimiser is built
            from convolutions only, so that "learnable" suppression keeps its initial weights.
        argument_slip: as in the published COCO recipe, hand the weight decay to sgd as its momentum, without decay and
            without Nesterov.
    """

    lr: float = 0.001
    nesterov: bool = True
    train_added: bool = False
    argument_slip: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        slips = self.argument_slip and self.name != "sgd"
        require(not slips, "optimizer.argument_slip is a slip in the arguments of sgd; leave it out with another one")
        require(self.decay_vectors, "all parameters of L2G decay; leave optimizer.decay_vectors as it is")


def parameters_by_kind(network: L2GNetwork) -> dict[str, list[str]]:
    """Kind -> names of all parameters of that kind, frozen ones too.

    Convolutions of the backbone are ``x1`` (their biases ``x2``), those of the head ``x10`` and ``x20``; BatchNorm of the
    backbone is ``batchnorm``; what is left in attention and suppression modules is ``added``.
    """
    kinds: dict[str, list[str]] = {kind: [] for kind in PARAMETER_KINDS}
    for module_name, module in network.named_modules():
        in_head = any(module is layer for layer in network.head)
        in_added = any(part in module_name for part in ("se_layer", "DRS_", "suppressions"))
        for name, _ in module.named_parameters(recurse=False):
            kind = "batchnorm" if isinstance(module, nn.BatchNorm2d) and not in_added else "added"
            if isinstance(module, nn.Conv2d):
                kind = PARAMETER_KINDS[2 * in_head + (name == "bias")]
            kinds[kind].append(f"{module_name}.{name}")
    return kinds


def optimizer_groups(pair: LocalToGlobal, rate: float, config: L2GOptimizer) -> list[dict[str, Any]]:
    """Groups of what learns, for each kind first the global network's, then the local one's; a rate of 0 takes ``config.lr``."""
    head, base = config.head_lr_multiplier, rate or config.lr
    multipliers = dict(zip(PARAMETER_KINDS, (1.0, 2.0, head, 2 * head, 1.0, head), strict=True))
    if not config.train_added:
        del multipliers["added"]
    networks = {"global": pair.global_network, "local": pair.local_network}
    kinds = {place: parameters_by_kind(network) for place, network in networks.items()}
    groups = []
    for kind, multiplier in multipliers.items():
        for place, network in networks.items():
            lr, parameters = base * multiplier, map(network.get_parameter, kinds[place][kind])
            if learning := [parameter for parameter in parameters if parameter.requires_grad]:
                groups.append({"name": f"{kind}_{place}", "params": learning, "lr": lr, "initial_lr": lr})
    return groups


def build_l2g_optimizer(groups: list[dict[str, Any]], config: L2GOptimizer) -> torch.optim.Optimizer:
    """The optimiser over the groups of :func:`optimizer_groups`."""
    if config.argument_slip:
        return torch.optim.SGD(groups, momentum=config.weight_decay)
    return build_optimizer(config, [{**group, "weight_decay": config.weight_decay} for group in groups])
