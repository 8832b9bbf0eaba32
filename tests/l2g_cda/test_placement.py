"""An object gets a size and a place, covers little that is salient, and is pasted with a hard edge."""

import random
from types import SimpleNamespace

import numpy as np
import pytest

from common.errors import ConfigError, DataError
from l2g_cda.pasting import CdaConfig, fitted_size, least_overlap, paste, place
from tests.l2g_cda.bank_samples import covered, foreground, sample


@pytest.mark.parametrize(
    ("size", "fitted"),
    [((30, 40), (30, 40)), ((140, 40), (70, 20)), ((40, 140), (20, 70)), ((140, 280), (35, 70))],
    ids=["small", "too high", "too wide", "both"],
)
def test_an_object_is_capped_at_seven_tenths_of_each_side(size, fitted):
    assert fitted_size(size, (100, 100), 1.0) == fitted


def test_the_largest_scale_still_fits_the_image():
    height, width = fitted_size((500, 500), (100, 120), 1.2)
    assert height <= 84 and width <= 100.8


def test_a_tiny_object_keeps_a_pixel():
    assert fitted_size((1, 1), (100, 100), 0.8) == (1, 1)


def test_every_placement_lies_inside_the_image():
    saliency = np.zeros((20, 33), np.uint8)
    for seed in range(50):
        placed = place(foreground(height=50, width=40), saliency, CdaConfig(), random.Random(seed))
        height, width = placed.mask.shape
        rows, columns = placed.box
        assert 0 <= rows.start <= 20 - height and 0 <= columns.start <= 33 - width


def test_only_salient_pixels_of_an_object_are_pasted():
    one = sample([0])
    dim = place(foreground(saliency=200), one["saliency"], CdaConfig(), random.Random(0))
    assert not dim.mask.any() and dim.overlap == 0
    by_label = place(foreground(saliency=200), one["saliency"], CdaConfig(mask="labels"), random.Random(0))
    assert by_label.mask.all()


def test_the_object_replaces_colours_and_saliency_under_its_mask():
    one = sample([0])
    placed = place(foreground(colour=200, saliency=240), one["saliency"], CdaConfig(), random.Random(0))
    where = covered(placed, one["saliency"].shape)
    image, saliency = paste(one["image"], one["saliency"], placed, "repaired")
    assert (image[where] == 200).all() and (image[~where] == one["image"][~where]).all()
    assert (saliency[where] == 240).all() and (saliency[~where] == 0).all()
    assert (one["saliency"] == 0).all(), "the original is changed"


def test_published_channels_are_exchanged_around_the_object_only():
    one = sample([0])
    placed = place(foreground(colour=200), one["saliency"], CdaConfig(), random.Random(0))
    image, _ = paste(one["image"], one["saliency"], placed, "published")
    assert image[~covered(placed, one["saliency"].shape)][0].tolist() == [90, 90, 10]


def test_overlap_is_the_share_of_pixels_that_were_salient():
    full = sample([0], saliency=255)["saliency"]
    assert place(foreground(), full, CdaConfig(), random.Random(0)).overlap == pytest.approx(1, abs=1e-4)


def test_an_object_without_saliency_is_fully_salient_or_an_error():
    one, bare = sample([0]), foreground(saliency=None)
    placed = place(bare, one["saliency"], CdaConfig(mask="labels"), random.Random(0))
    assert (placed.saliency == 255).all()
    with pytest.raises(DataError, match="no saliency"):
        place(bare, one["saliency"], CdaConfig(), random.Random(0))


def test_rotation_turns_the_object_and_leaves_its_scale():
    placed = place(
        foreground(height=10, width=4), np.zeros((60, 60), np.uint8), CdaConfig(rotation=90), random.Random(1)
    )
    assert placed.foreground.seg.shape == placed.mask.shape != (10, 4)


def test_trying_stops_at_the_first_good_attempt_and_at_the_limit():
    def attempts(overlaps):
        remaining = iter([SimpleNamespace(overlap=overlap) for overlap in overlaps])
        return remaining, lambda: next(remaining)

    remaining, attempt = attempts([0.5, 0.1, 0.0])
    assert least_overlap(attempt, 0.2, 10).overlap == 0.1 and len(list(remaining)) == 1
    remaining, attempt = attempts([0.5, 0.3, 0.4, 0.0])
    assert least_overlap(attempt, 0.2, 3).overlap == 0.3 and len(list(remaining)) == 1


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"max_overlap": 1.5}, "max_overlap"), ({"attempts": 0}, "attempts"), ({"rotation": 200}, "rotation")],
)  # fmt: skip
def test_pasting_that_cannot_work_is_an_error(settings, name):
    with pytest.raises(ConfigError, match=f"cda.{name}"):
        CdaConfig(**settings)
