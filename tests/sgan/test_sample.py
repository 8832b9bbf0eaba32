import random

import numpy as np
import pytest

from common.errors import DataError
from sgan.sample import SganInput, normalised_colours, repeated, salient_positions, seed_positions

PLAIN = ((0, 0, 0), ())


def made(size=33):
    columns = np.tile(np.arange(size, dtype=np.uint8), (size, 1))
    seed = np.where(columns < 10, 1, 0).astype(np.uint8)
    image = np.stack([columns, columns, columns], 2)
    return {"id": "one", "image": image, "saliency": columns * 7, "mask": seed, "tags": np.float32([1, 0])}


def test_image_mask_and_seed_are_mirrored_together():
    convert = SganInput(33, *PLAIN, 0.5).convert
    straight, mirrored = convert(made()), convert(made(), mirror=True)
    for name in ("image", "salient", "seed"):
        np.testing.assert_array_equal(straight[name].numpy()[..., ::-1], mirrored[name].numpy())


def test_half_of_the_samples_are_mirrored_by_the_generator_that_is_given():
    transform = SganInput(33, *PLAIN, 0.5)
    firsts = [transform(made(), random.Random(seed))["image"][0, 0, 0].item() for seed in range(100)]
    assert set(firsts) == {0, 32}
    assert 30 < firsts.count(0) < 70


def test_the_border_is_never_salient():
    salient = salient_positions(np.full((33, 33), 255, np.uint8), 5, 0.06)
    assert salient.sum() == 9
    assert salient[1:-1, 1:-1].all()


def test_without_saliency_every_position_takes_part():
    sample = made()
    del sample["saliency"]
    assert SganInput(33, *PLAIN, 0.06, use_saliency=False).convert(sample)["salient"].all()


def test_background_unlabelled_and_ignored_positions_do_not_supervise():
    seed = np.array([[0, 1, 2], [3, 255, 0]], np.uint8).repeat(2, 0).repeat(2, 1)
    positions = seed_positions(np.pad(seed, ((0, 2), (0, 0))), 6, n_classes=2)
    assert set(np.unique(positions)) == {0, 1, 2}
    assert (positions == 0).sum() == 4
    assert (positions == 1).sum() == 4


def test_a_seed_of_another_dataset_is_an_error_that_names_the_image():
    sample = made() | {"mask": np.full((33, 33), 20, np.uint8)}
    with pytest.raises(DataError, match="seed of one holds 20"):
        SganInput(33, *PLAIN, 0.5).convert(sample)


def test_colours_are_bgr_without_and_rgb_with_a_standard_deviation():
    red = np.zeros((1, 1, 3), np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(normalised_colours(red, (10, 20, 30), ())[:, 0, 0], [-10, -20, 225])
    np.testing.assert_allclose(normalised_colours(red, (0.5, 0, 0), (0.5, 1, 1))[:, 0, 0], [1, 0, 0])


def test_a_list_is_repeated_until_it_covers_the_training():
    assert repeated(["a", "b"], 3) == ["a", "b", "a", "b"]
    assert repeated(["a", "b"], 0) == ["a", "b"]
