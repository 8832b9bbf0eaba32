"""What learns at which rate (i2crc spec, section 5)."""

from __future__ import annotations

from common.engine.optimizer import GroupRule


def group_rules(head_lr_multiplier: float) -> list[GroupRule]:
    """Backbone weights 1x, its biases 2x, weights of the added convolutions 10x, their biases 20x; all decay."""
    return [
        GroupRule("head_bias", r"^extra_convs\..*bias$", 2 * head_lr_multiplier),
        GroupRule("head", r"^extra_convs\.", head_lr_multiplier),
        GroupRule("backbone_bias", r"bias$", 2.0),
        GroupRule("backbone", ""),
    ]
