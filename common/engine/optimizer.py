"""Parameter groups by rule, and the optimiser over them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from common.errors import ConfigError


@dataclass
class OptimizerConfig:
    """Which optimiser, at which rate.

    Args:
        name: sgd, adam or adamw.
        lr: learning rate of the groups with multiplier 1.
        momentum: momentum of sgd.
        weight_decay: L2 penalty (sgd, adam) or decoupled decay (adamw) of the groups that decay.
        head_lr_multiplier: learning rate of the head relative to the body (the field uses 10).
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    head_lr_multiplier: float = 10.0


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


def body_and_head_rules(head: str, head_lr_multiplier: float = 10.0) -> list[GroupRule]:
    """DeepLab's rule: body 1x, head weights 10x, head biases 20x without decay (deeplabv2 spec, section 5).

    Args:
        head: name of the head's module, e.g. ``aspp``.
    """
    inside = rf"(^|\.){re.escape(head)}\."
    return [
        GroupRule("head_bias", inside + r"(.*\.)?bias$", 2 * head_lr_multiplier, decays=False),
        GroupRule("head", inside, head_lr_multiplier),
        GroupRule("body", ""),
    ]


def parameter_groups(
    model: nn.Module, rules: Sequence[GroupRule], lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Optimiser groups: each trainable parameter joins the first rule that matches its name.

    Frozen parameters (requires_grad False) are left out. ``initial_lr`` of a group is what schedules multiply.

    Raises:
        ConfigError: a trainable parameter matches no rule (it would silently never learn), or nothing is trainable.
    """
    groups: dict[str, dict[str, Any]] = {
        rule.name: {
            "name": rule.name,
            "params": [],
            "lr": lr * rule.lr_multiplier,
            "initial_lr": lr * rule.lr_multiplier,
            "weight_decay": weight_decay if rule.decays else 0.0,
        }
        for rule in rules
    }
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rule = next((rule for rule in rules if re.search(rule.pattern, name)), None)
        if rule is None:
            raise ConfigError(f"parameter {name} matches no group rule ({', '.join(rule.name for rule in rules)})")
        groups[rule.name]["params"].append(parameter)
    filled = [group for group in groups.values() if group["params"]]
    if not filled:
        raise ConfigError("no parameter is trainable: everything is frozen")
    return filled


def build_optimizer(config: OptimizerConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser over the groups of :func:`parameter_groups`."""
    if config.name == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)
    if config.name == "adam":
        return torch.optim.Adam(groups, lr=config.lr)
    return torch.optim.AdamW(groups, lr=config.lr)


def set_learning_rates(optimizer: torch.optim.Optimizer, factor: float) -> dict[str, float]:
    """Set every group's rate to its initial rate x ``factor``; returns name -> rate."""
    rates = {}
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
        rates[group["name"]] = group["lr"]
    return rates
