"""Refining maps and label maps with the dense CRF."""

import numpy as np
import pytest

from common.crf.inference import dense_crf
from common.crf.presets import PRESETS
from common.crf.unary import unary_from_labels, unary_from_probabilities
from common.errors import DataError
from common.pseudo_labels.background import constant, power
from common.pseudo_labels.crf import refine_labels, refine_maps
from common.pseudo_labels.labels import pseudo_label


@pytest.fixture
def scene():
    """A bright square on dark ground, its mask (class 2), and a map that covers the square badly."""
    mask = np.zeros((24, 30), np.uint8)
    mask[6:18, 8:20] = 3
    image = np.repeat(np.where(mask > 0, 220, 30).astype(np.uint8)[:, :, None], 3, axis=2)
    noise = np.random.default_rng(0).random(mask.shape)
    cam = np.where(mask > 0, 0.5, 0.2) + 0.5 * noise - 0.2
    return image, mask, cam[None].astype(np.float32)


def test_refined_maps_follow_the_image(scene):
    image, mask, maps = scene
    background = constant(0.4, mask.shape)
    before = pseudo_label(maps, np.array([2]), background)
    refined, refined_background = refine_maps(image, maps, background)
    after = pseudo_label(refined, np.array([2]), refined_background)
    assert (before != mask).mean() > 0.1
    np.testing.assert_array_equal(after, mask)


def test_refined_maps_and_background_sum_to_one(scene):
    image, _, maps = scene
    refined, background = refine_maps(image, maps, power(np.clip(maps, 0, 1), 4))
    np.testing.assert_allclose(refined.sum(axis=0) + background, 1, atol=1e-5)


def test_refined_labels_follow_the_image_and_keep_their_numbers(scene):
    image, mask, _ = scene
    noisy = mask.copy()
    noisy[np.random.default_rng(1).random(mask.shape) < 0.15] = 0
    np.testing.assert_array_equal(refine_labels(image, noisy, [0, 3]), mask)


def test_maps_and_labels_are_refined_with_the_field_s_constants_unless_others_are_given():
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (16, 20, 3)).astype(np.uint8)
    maps, background = rng.random((2, 16, 20)).astype(np.float32), rng.random((16, 20)).astype(np.float32)
    scores = np.concatenate([background[None], maps])
    q = dense_crf(image, unary_from_probabilities(scores), PRESETS["cam"])
    refined, refined_background = refine_maps(image, maps, background)
    np.testing.assert_array_equal(refined, q[1:])
    np.testing.assert_array_equal(refined_background, q[0])
    indices = rng.integers(0, 3, (16, 20))
    for options, settings, gt_prob in (
        ({}, PRESETS["label"], 0.7),
        ({"settings": PRESETS["deeplab"], "gt_prob": 0.9}, PRESETS["deeplab"], 0.9),
    ):
        expected = dense_crf(image, unary_from_labels(indices, 3, gt_prob), settings).argmax(0)
        found = refine_labels(image, np.array([0, 7, 4], np.uint8)[indices], [0, 7, 4], **options)
        np.testing.assert_array_equal(found, np.array([0, 7, 4])[expected])


def test_an_image_without_a_class_stays_background(scene):
    image, mask, _ = scene
    np.testing.assert_array_equal(refine_labels(image, np.zeros_like(mask), [0]), np.zeros_like(mask))


def test_a_label_the_crf_may_not_choose_is_an_error(scene):
    image, mask, _ = scene
    with pytest.raises(DataError, match="label 3"):
        refine_labels(image, mask, [0, 1])


@pytest.mark.parametrize("labels", [[], [0, 3, 3], [0, 300]])
def test_labels_of_the_crf_must_be_distinct_label_numbers(scene, labels):
    image, mask, _ = scene
    with pytest.raises(DataError, match="distinct"):
        refine_labels(image, mask, labels)


def test_maps_and_background_must_have_one_size(scene):
    image, _, maps = scene
    with pytest.raises(DataError, match="do not fit"):
        refine_maps(image, maps, constant(0.5, (3, 3)))
