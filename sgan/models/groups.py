"""The optimiser's four groups (sgan spec, section 5.1)."""

from __future__ import annotations

from typing import Any

from torch import nn

from common.engine.optimizer import GroupRule, parameter_groups

BODY = r"^backbone\."


def group_rules(head_lr_multiplier: float = 10.0) -> list[GroupRule]:
    """Body weights 1x, body biases 2x, other weights (and gamma) 10x, other biases 20x; biases do not decay."""
    return [
        GroupRule("body", BODY + r".*(?<!\.bias)$"),
        GroupRule("body_bias", BODY, 2.0, decays=False),
        GroupRule("head", r"(?<!\.bias)$", head_lr_multiplier),
        GroupRule("head_bias", "", 2 * head_lr_multiplier, decays=False),
    ]


def network_groups(
    network: nn.Module, lr: float, weight_decay: float, head_lr_multiplier: float = 10.0, decay_vectors: bool = True
) -> list[dict[str, Any]]:
    """The groups in their published order."""
    return parameter_groups(network, group_rules(head_lr_multiplier), lr, weight_decay, decay_vectors)
