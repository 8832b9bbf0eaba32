"""Automatic mixed precision."""

from __future__ import annotations

import torch

from common.errors import ConfigError

AUTOCAST_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Autocast context; fp32 disables it.

    Raises:
        ConfigError: an unknown precision, or fp16 on the CPU, where most layers have no half-precision kernels.
    """
    if precision != "fp32" and precision not in AUTOCAST_TYPES:
        raise ConfigError(f"unknown precision {precision!r}; use fp32, {' or '.join(AUTOCAST_TYPES)}")
    if precision == "fp16" and device.type == "cpu":
        raise ConfigError("precision fp16 needs a GPU; use bf16 or fp32 on the CPU")
    return torch.autocast(device.type, AUTOCAST_TYPES.get(precision, torch.bfloat16), enabled=precision != "fp32")


def gradient_scaler(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """Loss scaling, active for fp16 only (bf16 has the range of fp32)."""
    return torch.amp.GradScaler(device.type, enabled=precision == "fp16")
