"""The effect of the published defects, counted on samples where it is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.data.toy import ToyConfig, make_toy
from l2g_cda.bank import ForegroundBank
from l2g_cda.measure_defects import measure_defects
from l2g_cda.views import ViewConfig
from tests.l2g_cda.bank_samples import foreground, sample

VIEWS = ViewConfig(short_side=40, input_size=32, patch_side=24)


class Samples(list):
    """Stands for :class:`ListedImages`."""


def measured(samples, bank, epochs=2):
    return SimpleNamespace(**measure_defects(Samples(samples), ForegroundBank(bank), VIEWS, 0, epochs))


def test_every_unpasted_twin_gets_wrong_tags_and_tags_grow_by_one_per_epoch():
    effects = measured([sample((1, 0, 0, 0))] * 3, {number: [foreground(number)] for number in range(4)})
    assert effects.items == 6 and effects.wrong_tags == 1
    assert (effects.tags, effects.tags_grown) == (1, 3)


def test_red_and_blue_are_exchanged_around_the_object():
    assert measured([sample((1, 0))], {1: [foreground(1)]}).colour_change == 80


def test_square_views_never_leave_a_square_image():
    effects = measured([sample((1, 0))], {1: [foreground(1)]})
    assert (effects.leaves_image, effects.black, effects.reach) == (0, 0, 1)


def test_views_leave_a_wide_image_and_reach_little_of_it():
    effects = measured([sample((1, 0), height=20, width=60)], {1: [foreground(1)]}, epochs=30)
    assert effects.leaves_image > 0.5 and 0 < effects.black < 0.9
    assert effects.reach == pytest.approx(9 / 89)


def test_the_coco_recipe_cuts_nothing():
    views = ViewConfig(recipe="coco", input_size=32, patch_side=24)
    bank = ForegroundBank({1: [foreground(1)]})
    effects = measure_defects(Samples([sample((1, 0), height=20, width=60)]), bank, views, 0, 3)
    assert (effects["leaves_image"], effects["black"], effects["reach"]) == (0, 0, 1)


def test_images_with_every_class_get_nothing():
    effects = measured([sample((1, 1))], {1: [foreground(1)]})
    assert effects.nothing_to_paste == 1 and effects.wrong_tags == 0


def test_objects_without_saliency_are_pasted_invisibly():
    assert measured([sample((1, 0))], {1: [foreground(1, saliency=10)]}).nothing_visible == 1


def test_a_dataset_is_measured_through_its_own_reader(tmp_path):
    make_toy(tmp_path, ToyConfig(n_train=2, n_val=1))
    layout = open_layout(DataConfig(dataset="toy", root=str(tmp_path)))
    images = ListedImages(layout, layout.ids("train"), ("saliency", "tags"))
    bank = ForegroundBank({number: [foreground(number)] for number in range(layout.n_classes)})
    effects = measure_defects(images, bank, VIEWS, 0, 1)
    assert effects["items"] == 2 and effects["tags"] == np.mean([images[index]["tags"].sum() for index in range(2)])
