"""A view has the promised shapes and ranges, and its parts stay aligned."""

import random

import numpy as np
import pytest
import torch

from common.errors import ConfigError
from l2g_cda.views import (
    ViewConfig,
    ViewMaker,
    crop_or_black,
    draw_crop,
    relative_saliency,
    short_side_size,
)
from tests.l2g_cda.bank_samples import sample

NO_JITTER = (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("recipe", ["voc", "coco"])
@pytest.mark.parametrize("size", [(30, 50), (50, 30)])
def test_a_view_has_the_promised_parts(recipe, size):
    config = ViewConfig(recipe=recipe, short_side=40, input_size=32, patch_side=24, patches=5)
    view = ViewMaker(config)(sample((1, 0), *size, saliency=100), random.Random(0))
    assert {name: tuple(view[name].shape) for name in ("image", "saliency", "boxes", "tags", "patch_tags")} == {
        "image": (3, 32, 32), "saliency": (1, 32, 32), "boxes": (5, 4), "tags": (2,), "patch_tags": (2,)
    }  # fmt: skip
    assert view["image"].dtype == view["saliency"].dtype == torch.float32
    assert view["saliency"].min() >= 0 and view["saliency"].max() == pytest.approx(1)


def test_image_and_saliency_are_cut_at_the_same_place():
    one = sample((1,), 40, 70)
    one["image"] = np.random.default_rng(0).integers(0, 256, (40, 70, 3)).astype(np.uint8)
    one["saliency"] = one["image"][..., 0]
    config = ViewConfig(short_side=40, input_size=32, patch_side=24, jitter=NO_JITTER)
    view = ViewMaker(config)(one, random.Random(3))
    red = view["image"][0] * 0.229 + 0.485
    np.testing.assert_allclose(view["saliency"][0] * red.max(), red, atol=1e-5)


def test_tags_of_image_and_patches_do_not_share_memory():
    view = ViewMaker(ViewConfig(short_side=40, input_size=32, patch_side=24))(sample((1, 0)), random.Random(0))
    view["tags"][1] = 1
    assert view["patch_tags"].tolist() == [1, 0]


def test_the_published_crop_leaves_a_wide_image_and_the_repaired_one_does_not():
    published = [draw_crop((40, 90), 32, "published", random.Random(seed)) for seed in range(40)]
    repaired = [draw_crop((40, 90), 32, "repaired", random.Random(seed)) for seed in range(40)]
    assert max(top for _, top in published) > 40 - 32 and max(left for left, _ in published) <= 8
    assert max(top for _, top in repaired) <= 8 and max(left for left, _ in repaired) > 8


def test_a_crop_without_room_starts_at_the_edge():
    assert draw_crop((20, 20), 32, "published", random.Random(0)) == (0, 0)


def test_outside_of_the_image_is_black():
    cut = crop_or_black(np.full((4, 4), 9, np.uint8), left=2, top=0, size=4)
    assert (cut[:, :2] == 9).all() and (cut[:, 2:] == 0).all()
    assert not crop_or_black(np.full((4, 4), 9, np.uint8), left=0, top=7, size=4).any()


@pytest.mark.parametrize(
    ("size", "resized"), [((10, 25), (4, 10)), ((4, 5), (4, 5)), ((8, 11), (4, 6)), ((8, 13), (4, 6))]
)
def test_the_longer_side_is_rounded_to_even_on_halves(size, resized):
    assert short_side_size(size, 4) == resized


def test_empty_saliency_stays_zero():
    assert not relative_saliency(np.zeros((3, 3), np.uint8)).any()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"patch_side": 448}, "patch_side"),
        ({"patch_side": 0}, "patch_side"),
        ({"short_side": 400}, "short_side"),
        ({"patches": 3}, "patches"),
        ({"recipe": "coco", "patches": 0}, "patches"),
    ],
)
def test_views_that_cannot_be_cut_are_an_error(settings, name):
    with pytest.raises(ConfigError, match=rf"\b{name} is "):
        ViewConfig(**settings)


def test_coco_takes_any_number_of_patches_and_ignores_the_short_side():
    assert ViewConfig(recipe="coco", patches=1, short_side=1).patches == 1
