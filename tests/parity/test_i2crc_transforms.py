"""What the classifier sees of an image, of its saliency and of changed colours equals the published transforms."""

import numpy as np
import pytest
from PIL import Image

from common.data.colours import ADJUSTMENTS
from i2crc.attention import AttentionConfig
from i2crc.samples import SquaredConfig, SquareLoader, squared_saliency
from tests.parity.i2crc_cases import OneImage, args, cases, check, given


@pytest.mark.parametrize("case", cases("cls_test_transform"))
def test_squared_image(case):
    loader = SquareLoader(OneImage(*given(case), np.ones(1)), SquaredConfig().side, AttentionConfig(), "imagenet")
    (image,) = loader("one")["pyramid"]
    check(case, {"tensor_slice": image})


@pytest.mark.parametrize("case", cases("cls_saliency"))
def test_squared_saliency(case):
    check(case, {"sal_slice": squared_saliency(*given(case), SquaredConfig().side)})


@pytest.mark.parametrize("case", cases("jitter"))
def test_changed_colours(case):
    (change,) = (adjust for name, (adjust, _) in ADJUSTMENTS.items() if name in case)
    changed = change(Image.fromarray(*given(case)), args(case)["factor"])
    check(case, {"image": np.asarray(changed)})
