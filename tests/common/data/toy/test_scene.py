"""The toy set shows the difficulties its settings promise."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from common.data.toy import CLASS_NAMES, Scene, ToyConfig, draw_scene
from common.data.toy.objects import CLASSES
from common.errors import ConfigError

N_SCENES = 120
CONFIG = ToyConfig()


@cache
def scenes() -> tuple[Scene, ...]:
    return tuple(draw_scene(CONFIG, "train", index) for index in range(N_SCENES))


def salient_share(scene: Scene, mask: np.ndarray) -> float:
    return float((scene.saliency[mask] > 127).mean())


def test_a_scene_depends_on_nothing_but_seed_split_and_index() -> None:
    again = draw_scene(CONFIG, "train", 5)
    np.testing.assert_array_equal(scenes()[5].image, again.image)
    np.testing.assert_array_equal(scenes()[5].label_map, again.label_map)
    np.testing.assert_array_equal(scenes()[5].saliency, again.saliency)


@pytest.mark.parametrize(
    ("config", "split", "index"),
    [(ToyConfig(seed=1), "train", 5), (CONFIG, "val", 5), (CONFIG, "train", 6)],
    ids=["seed", "split", "index"],
)
def test_another_seed_split_or_index_gives_another_scene(config: ToyConfig, split: str, index: int) -> None:
    assert (draw_scene(config, split, index).image != scenes()[5].image).any()


def test_arrays_have_the_types_and_sizes_of_the_field() -> None:
    scene = draw_scene(ToyConfig(size=64), "val", 0)
    assert scene.image.shape == (64, 64, 3)
    assert scene.label_map.shape == scene.saliency.shape == (64, 64)
    assert scene.image.dtype == scene.label_map.dtype == scene.saliency.dtype == np.uint8


def test_tags_are_the_classes_of_the_mask() -> None:
    for scene in scenes():
        labels = {int(label) for label in np.unique(scene.label_map)} - {0}
        assert {number + 1 for number in scene.class_numbers} == labels
        assert labels <= set(range(1, len(CLASS_NAMES) + 1))


def test_images_hold_one_to_three_objects_and_every_class_occurs() -> None:
    assert {len(scene.objects) for scene in scenes()} == {1, 2, 3}
    assert {number for scene in scenes() for number in scene.class_numbers} == set(range(len(CLASS_NAMES)))


def test_the_part_that_tells_the_class_is_small_and_visible() -> None:
    for scene in scenes():
        for item in scene.objects:
            assert 0 < item.part.sum() < 0.6 * item.visible.sum()
    shares = [item.part.sum() / item.visible.sum() for scene in scenes() for item in scene.objects]
    assert np.median(shares) < 0.25


def test_objects_differ_in_size() -> None:
    areas = [int(item.whole.sum()) for scene in scenes() for item in scene.objects]
    assert np.quantile(areas, 0.9) > 3 * np.quantile(areas, 0.1)


def test_objects_cover_each_other_but_stay_recognisable() -> None:
    visible_shares = np.array([i.visible.sum() / i.whole.sum() for scene in scenes() for i in scene.objects])
    assert (visible_shares < 0.9).mean() > 0.1
    assert visible_shares.min() > 0.4


def test_without_occlusion_objects_lie_apart() -> None:
    config = ToyConfig(occlusion_rate=0)
    for index in range(40):
        for item in draw_scene(config, "train", index).objects:
            assert item.visible.sum() > 0.8 * item.whole.sum()


@pytest.mark.parametrize(("bias", "expected"), [(0.0, 1 / 6), (1.0, 1.0)])
def test_classes_occur_on_their_home_texture_as_often_as_the_bias_says(bias: float, expected: float) -> None:
    config = ToyConfig(context_bias=bias, max_objects=1)
    drawn = [draw_scene(config, "train", index) for index in range(80)]
    at_home = np.mean([scene.texture == CLASSES[scene.class_numbers[0]].home for scene in drawn])
    assert at_home == pytest.approx(expected, abs=0.13)


def test_the_context_bias_survives_in_images_of_several_objects() -> None:
    for number, toy_class in enumerate(CLASSES):
        with_class = [scene.texture == toy_class.home for scene in scenes() if number in scene.class_numbers]
        without = [scene.texture == toy_class.home for scene in scenes() if number not in scene.class_numbers]
        assert np.mean(with_class) > np.mean(without) + 0.15


def test_saliency_misses_objects_at_about_its_rate() -> None:
    config = ToyConfig(miss_rate=0.3, invent_rate=0)
    drawn = [draw_scene(config, "train", index) for index in range(N_SCENES)]
    missed = [salient_share(scene, item.visible) < 0.3 for scene in drawn for item in scene.objects]
    assert np.mean(missed) == pytest.approx(0.3, abs=0.1)


def test_saliency_invents_objects_at_about_its_rate() -> None:
    config = ToyConfig(miss_rate=0, invent_rate=0.5, distractor_rate=1.0)
    shares = []
    for index in range(N_SCENES):
        scene = draw_scene(config, "train", index)
        if scene.distractor.sum() > 60:
            shares.append(salient_share(scene, scene.distractor) > 0.7)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.15)


def test_an_invented_object_needs_no_distractor() -> None:
    config = ToyConfig(miss_rate=1, invent_rate=1, distractor_rate=0)
    drawn = [draw_scene(config, "train", index) for index in range(20)]
    assert all((scene.saliency > 127).any() for scene in drawn)


def test_saliency_without_errors_is_the_foreground() -> None:
    config = ToyConfig(miss_rate=0, invent_rate=0, border_error=0)
    for index in range(20):
        scene = draw_scene(config, "train", index)
        wrong = (scene.saliency > 127) != (scene.label_map > 0)
        assert wrong.mean() < 0.02


def test_saliency_errs_at_borders() -> None:
    config = ToyConfig(miss_rate=0, invent_rate=0)
    wrong = [(s.saliency > 127) != (s.label_map > 0) for s in (draw_scene(config, "train", i) for i in range(20))]
    assert 0.01 < np.mean(wrong) < 0.1
    far = [erode(mask, 6) for mask in wrong]
    assert not np.any(far)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_train": 0}, "n_train"),
        ({"size": 8}, "size is 8; give a whole number from 32"),
        ({"miss_rate": 1.5}, "miss_rate"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_cannot_be_drawn_are_an_error(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ToyConfig(**settings)


def erode(mask: np.ndarray, pixels: int) -> np.ndarray:
    """The mask without what lies within ``pixels`` of its outside or of the picture's edge."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    shrunk = cv2.erode(mask.astype(np.uint8), cross, iterations=pixels, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return shrunk.astype(bool)
