"""Windows of scaled images, against scaling all of it, padding and cutting."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from common.data.sampling import Sample
from common.data.scaled_crop import RandomScaledCrop, nearest_indices
from common.data.transforms import Compose, RandomCrop
from tests.common.data.whole_images import PadToSize, RandomScale

SCALES = [0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0]
FILL = (104.008, 116.669, 122.675)


def sample_of(height: int, width: int, dense: int = 0) -> Sample:
    rng = np.random.default_rng(height * width)
    sample: dict[str, Any] = {"image": rng.integers(0, 256, (height, width, 3)).astype(np.uint8), "id": "a"}
    sample["mask"] = rng.integers(0, 21, (height, width)).astype(np.uint8)
    if dense:
        sample["dense"] = rng.random((height, width, dense)).astype(np.float32)
        sample["saliency"] = rng.integers(0, 256, (height, width)).astype(np.uint8)
    return sample


def close(got: np.ndarray, wanted: np.ndarray) -> bool:
    """Equal; float32 to the last bit of two weights, 3e-5 of 255 grey levels."""
    if wanted.dtype != np.float32:
        return np.array_equal(got, wanted)
    return got.shape == wanted.shape and np.allclose(got, wanted, rtol=0, atol=3.1e-5)


def one_after_the_other(size: int, base_size: int, in_float: bool) -> Compose:
    as_float = [lambda sample, rng: {**sample, "image": sample["image"].astype(np.float32)}] if in_float else []
    fill = FILL if in_float else tuple(map(round, FILL))
    return Compose([*as_float, RandomScale(SCALES, base_size), PadToSize(size, fill, 254), RandomCrop(size)])


@pytest.mark.parametrize("in_float", [True, False])
@pytest.mark.parametrize("base_size", [0, 97])
@pytest.mark.parametrize(("height", "width"), [(75, 100), (100, 67), (61, 97), (40, 200), (1, 50), (7, 3)])
def test_windows_have_the_numbers_of_the_whole_image_cut(height, width, base_size, in_float):
    sample = sample_of(height, width, dense=5)
    size = 64
    fill = FILL if in_float else tuple(map(round, FILL))
    quick = RandomScaledCrop(SCALES, size, fill, 254, base_size, in_float)
    whole = one_after_the_other(size, base_size, in_float)
    for seed in range(25):
        first, second = random.Random(seed), random.Random(seed)
        got, wanted = quick(sample, first), whole(sample, second)
        assert first.getstate() == second.getstate()
        assert got["id"] == "a"
        for name in ("image", "mask", "dense", "saliency"):
            assert got[name].dtype == wanted[name].dtype and close(got[name], wanted[name]), (name, seed)


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.25, 1.5])
def test_sizes_of_photographs(scale):
    sample = sample_of(333, 500)
    quick, whole = (
        RandomScaledCrop([scale], 321, FILL, in_float=True),
        Compose([RandomScale([scale]), PadToSize(321, FILL), RandomCrop(321)]),
    )
    as_float = {**sample, "image": sample["image"].astype(np.float32)}
    for seed in range(3):
        got, wanted = quick(sample, random.Random(seed)), whole(as_float, random.Random(seed))
        assert close(got["image"], wanted["image"]) and np.array_equal(got["mask"], wanted["mask"])


def test_the_nearest_pixels_are_those_of_pillow():
    for length in (1, 2, 3, 17, 61, 255, 333, 500):
        line = np.arange(length, dtype=np.int32)[None]
        for scaled in (1, 2, 5, 30, 91, 249, 500, 751, 1333):
            wanted = np.asarray(Image.fromarray(line).resize((scaled, 1), Image.Resampling.NEAREST))[0]
            assert np.array_equal(nearest_indices(length, scaled), wanted), (length, scaled)
