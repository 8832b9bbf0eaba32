"""How I2CRC's classifier learns: at which rate which of its parameters does (i2crc spec, section 5)."""

from __future__ import annotations

from common.engine.optimizer import GroupRule


def group_rules(head_lr_multiplier: float) -> list[GroupRule]:
    """Backbone 1x, its biases 2x, the added layers ``head_lr_multiplier`` x and their biases twice that; everything decays."""
    return [
        GroupRule("head_bias", r"^extra_convs\..*bias$", 2 * head_lr_multiplier),
        GroupRule("head", r"^extra_convs\.", head_lr_multiplier),
        GroupRule("backbone_bias", r"bias$", 2.0),
        GroupRule("backbone", ""),
    ]
