from __future__ import annotations

import pytest
import torch

from common.engine.precision import autocast, gradient_scaler
from common.errors import ConfigError

CPU = torch.device("cpu")


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_are_computed_in_the_precision(precision, dtype):
    with autocast(precision, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_fp16_needs_a_gpu():
    with pytest.raises(ConfigError, match="fp16 needs a GPU; use bf16 or fp32"):
        autocast("fp16", CPU)


@pytest.mark.parametrize("precision", ["fp8", "float32", ""])
def test_an_unknown_precision_is_not_taken_for_another(precision):
    with pytest.raises(ConfigError, match=f"unknown precision '{precision}'"):
        autocast(precision, CPU)


@pytest.mark.parametrize(("precision", "scales"), [("fp32", False), ("bf16", False), ("fp16", True)])
def test_only_fp16_scales_its_loss(precision, scales):
    assert gradient_scaler(precision, CPU).is_enabled() == scales
