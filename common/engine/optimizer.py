"""Parameter groups by rule, and the optimiser over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from common.bounds import bounded, require_bounds
from common.errors import ConfigError, require

# Ending of the name of a group whose parameters are spared from weight decay because they are vectors.
VECTORS = "_vectors"


@dataclass
class OptimizerConfig:
    """Which optimiser, at which rate.

    Args:
        name: sgd, adam or adamw.
        lr: learning rate of the groups with multiplier 1.
        momentum: momentum of sgd.
        nesterov: Nesterov's form of it; adam and adamw have none.
        weight_decay: L2 penalty (sgd, adam) or decoupled decay (adamw) of the groups that decay.
        decay_vectors: whether biases and BatchNorm parameters decay like the others (the papers' recipes) or not at all.
        head_lr_multiplier: learning rate of the head relative to the backbone (the field uses 10).
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = bounded(0.01, least=0, most=1000)
    momentum: float = bounded(0.9, least=0, below=1)
    nesterov: bool = False
    weight_decay: float = bounded(5e-4, least=0, most=1000)
    decay_vectors: bool = True
    head_lr_multiplier: float = bounded(10.0, least=0, most=1e6)

    def __post_init__(self) -> None:
        require_bounds(self, "optimizer")
        require(
            not (self.name == "sgd" and self.nesterov and self.momentum == 0),
            "optimizer.nesterov is a form of momentum; give optimizer.momentum more than 0, or leave it out",
        )


@dataclass(frozen=True)
class GroupRule:
    """Parameters whose name matches ``pattern`` (a regular expression, searched) learn at ``lr`` x multiplier.

    Args:
        name: the group's name in logs.
        pattern: searched in the parameter's dotted name.
        lr_multiplier: 1, 2, 10 or 20 in the field's recipes.
        decays: whether weight decay applies.
    """

    name: str
    pattern: str
    lr_multiplier: float = 1.0
    decays: bool = True


def backbone_and_head_rules(head: str, head_lr_multiplier: float = 10.0) -> list[GroupRule]:
    """DeepLab's rule: backbone 1x, head weights 10x, head biases 20x without decay (deeplabv2 spec, section 5).

    Args:
        head: name of the head's module, e.g. ``aspp``.
    """
    inside = rf"(^|\.){re.escape(head)}\."
    return [
        GroupRule("head_bias", inside + r"(.*\.)?bias$", 2 * head_lr_multiplier, decays=False),
        GroupRule("head", inside, head_lr_multiplier),
        GroupRule("backbone", ""),
    ]


def weights_and_biases_rules(head_pattern: str, head_lr_multiplier: float = 10.0) -> list[GroupRule]:
    """The rule of SEAM and Puzzle-CAM: biases learn twice as fast and do not decay, in the head and elsewhere (sod_wsss spec, section 5).

    What is a weight is decided by that word in the name, so that the scales of normalisation layers are weights and decay.

    Args:
        head_pattern: regular expression, searched in the names of the parameters that are not pretrained.
        head_lr_multiplier: rate of the head's weights relative to the others'.
    """
    head = f"^(?=.*(?:{head_pattern}))"
    return [
        GroupRule("head", head + "(?=.*weight)", head_lr_multiplier),
        GroupRule("head_bias", head, 2 * head_lr_multiplier, decays=False),
        GroupRule("backbone", "weight"),
        GroupRule("backbone_bias", "", 2.0, decays=False),
    ]


def parameter_groups(
    model: nn.Module, rules: Sequence[GroupRule], lr: float, weight_decay: float, decay_vectors: bool = True
) -> list[dict[str, Any]]:
    """Optimiser groups: each trainable parameter joins the first rule that matches its name.

    Frozen parameters (requires_grad False) are left out. ``initial_lr`` of a group is what schedules multiply.

    Args:
        decay_vectors: False moves parameters with fewer than two dimensions (biases, BatchNorm) of a rule that decays
            into a group ``<rule>_vectors`` of the same rate without decay.

    Raises:
        ConfigError: a trainable parameter matches no rule (it would silently never learn), nothing is trainable, or two
            rules have one name.
    """
    if len({rule.name for rule in rules}) < len(rules):
        raise ConfigError(f"two group rules have one name: {', '.join(rule.name for rule in rules)}")
    groups = {group["name"]: group for rule in rules for group in empty_groups(rule, lr, weight_decay)}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rule = next((rule for rule in rules if re.search(rule.pattern, name)), None)
        if rule is None:
            raise ConfigError(f"parameter {name} matches no group rule ({', '.join(rule.name for rule in rules)})")
        spared = rule.decays and not decay_vectors and parameter.dim() < 2
        groups[rule.name + VECTORS if spared else rule.name]["params"].append(parameter)
    filled = [group for group in groups.values() if group["params"]]
    if not filled:
        raise ConfigError("no parameter is trainable: everything is frozen")
    return filled


def empty_groups(rule: GroupRule, lr: float, weight_decay: float) -> list[dict[str, Any]]:
    """The rule's group and the one of its vectors, which are spared from weight decay; both still without parameters."""
    rate = lr * rule.lr_multiplier
    return [
        {"name": name, "params": [], "lr": rate, "initial_lr": rate, "weight_decay": decay}
        for name, decay in ((rule.name, weight_decay if rule.decays else 0.0), (rule.name + VECTORS, 0.0))
    ]


def build_optimizer(config: OptimizerConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser over the groups of :func:`parameter_groups`."""
    if config.name == "sgd":
        if config.nesterov and not config.momentum > 0:
            raise ConfigError(
                f"optimizer.nesterov needs a momentum above 0, not {config.momentum}; leave one of them out"
            )
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov)
    if config.name == "adam":
        return torch.optim.Adam(groups, lr=config.lr)
    return torch.optim.AdamW(groups, lr=config.lr)


def optimizer_by_rules(
    config: OptimizerConfig, network: nn.Module, rules: Sequence[GroupRule]
) -> torch.optim.Optimizer:
    """The optimiser over a network's groups by rule; raises as :func:`parameter_groups`."""
    groups = parameter_groups(network, rules, config.lr, config.weight_decay, config.decay_vectors)
    return build_optimizer(config, groups)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> dict[str, float]:
    """Set every group's rate to its initial rate x ``factor``; returns name -> rate."""
    rates = {}
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
        rates[group["name"]] = group["lr"]
    return rates
