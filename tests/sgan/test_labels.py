import numpy as np
import pytest

from common.cam.files import Cams
from common.data.images import read_label_map
from common.errors import DataError
from common.pseudo_labels.rule import Evidence
from sgan.labels import (
    SeedRule,
    harmonic_labels,
    paint_cues,
    paint_unambiguous,
    relative_to_maximum,
    sec_cues,
    write_seed,
)
from sgan.settings import SeedRuleConfig

CLASSES = ("beetle", "fish", "kite", "cactus", "house", "truck")


def label_map(maps, saliency, keys, **settings):
    """What a rule makes of the maps of all classes."""
    image = np.zeros((*saliency.shape, 3), np.uint8)
    cams = Cams(np.array(keys, np.int64), maps[list(keys)])
    rule = SeedRule(SeedRuleConfig(**settings), CLASSES, 0.06)
    return rule(Evidence("one", cams, image, (255 * saliency).astype(np.uint8)))


def test_dense_seeds_leave_nothing_unlabelled():
    maps = np.random.default_rng(0).standard_normal((6, 5, 5)).astype(np.float32)
    maps[2, 2, 2] = 9
    saliency = np.zeros((20, 20), np.float32)
    saliency[5:15, 5:15] = 1
    assert 255 in label_map(maps, saliency, [2, 4])
    dense = label_map(maps, saliency, [2, 4], at="image", fill="strongest", overruled=["all"])
    assert set(np.unique(dense)) <= {0, 3, 5}
    assert ((dense > 0) == (saliency > 0)).all()


def test_an_image_without_tags_has_background_and_unlabelled_pixels_only():
    maps, saliency = np.ones((6, 5, 5), np.float32), np.zeros((20, 20), np.float32)
    saliency[:10] = 1
    for settings in ({}, {"fill": "strongest"}, {"rule": "harmonic"}, {"at": "image"}):
        assert set(np.unique(label_map(maps, saliency, [], **settings))) <= {0, 255}


def test_classes_give_way_to_background_by_name():
    maps, saliency = np.zeros((6, 5, 5), np.float32), np.zeros((5, 5), np.float32)
    maps[1, 2, 2] = 1
    assert label_map(maps, saliency, [1])[2, 2] == 2
    assert label_map(maps, saliency, [1], overruled=["fish"])[2, 2] == 0


def test_negative_maps_count_only_where_they_are_not_rectified():
    maps, saliency = np.full((6, 5, 5), -1, np.float32), np.ones((5, 5), np.float32)
    maps[1, 2, 2], maps[1, 0, 0] = 4, -4
    assert label_map(maps, saliency, [1], cam_thresh=0, rectify=True)[0, 0] == 255
    assert (label_map(maps, saliency, [1], rule="harmonic", cam_thresh=0.5) == 2).sum() == 1


def test_maps_are_divided_by_their_maximum_if_it_is_positive():
    maps = np.array([[[4.0, -2.0]], [[0.5, 0.25]], [[-3.0, 0.0]]])
    assert relative_to_maximum(maps).tolist() == [[[1, -0.5]], [[1, 0.5]], [[-3, 0]]]


def test_what_no_cue_reaches_goes_to_the_class_that_is_strongest_beside_its_own_maximum():
    maps, saliency = np.zeros((6, 1, 3), np.float32), np.ones((1, 3), np.float32)
    # In the middle the first class is larger, the second nearer to its maximum; neither reaches nine tenths.
    maps[0], maps[4] = [[10, 4, 0]], [[0, 0.8, 1]]
    assert label_map(maps, saliency, [0, 4], fill="strongest", cam_thresh=0.9).tolist() == [[1, 5, 5]]
    assert label_map(maps, saliency, [0, 4], cam_thresh=0.9).tolist() == [[1, 255, 5]]


def test_the_harmonic_mean_of_nothing_is_nothing():
    cams = Cams(np.array([1, 3]), np.array([[[0, 0.5, 0.25, 0]], [[0, 0.25, 0.5, 1]]], np.float32))
    saliency = np.array([[0, 0.5, 0.5, 0]], np.float32)
    with np.errstate(all="raise"):
        assert harmonic_labels(cams, saliency, 0.2).tolist() == [[0, 2, 4, 0]]
    # 2 / (1 / 0.5 + 1 / 0.5) is just below a half.
    assert harmonic_labels(cams, saliency, 0.499).tolist() == [[0, 2, 4, 0]]
    assert not harmonic_labels(cams, saliency, 0.501).any()


def test_cues_exceed_their_share_of_the_maximum_and_background_stays_below_its_threshold():
    cams = Cams(np.array([1]), np.array([[[8.0, 2.0, 2.5, -1.0]]]))
    cues = sec_cues(cams, 2, np.array([[0.06, 0.05, 0.5, 0.0]]), 0.25, 0.06)
    assert cues[:, 0].tolist() == [[False, True, False, True], [False] * 4, [True, False, True, False]]


def test_the_smaller_of_two_regions_ends_on_top_and_of_equal_ones_the_lower_number():
    cues = np.array([[[1, 1, 1, 0, 0, 0]], [[0, 0, 1, 1, 0, 0]], [[0, 0, 0, 1, 1, 0]]], bool)
    assert paint_cues(cues).tolist() == [[0, 0, 1, 1, 2, 3]]
    assert paint_cues(cues, overruled=[1]).tolist() == [[0, 0, 0, 1, 2, 3]]
    assert paint_unambiguous(cues).tolist() == [[0, 0, 3, 3, 2, 3]]


def test_a_seed_is_written_again_where_it_is_the_same_or_may_be_replaced(tmp_path):
    labels, seeds = tmp_path / "seeds_labels", tmp_path / "seeds"
    one, other = np.array([[0, 2, 255]], np.uint8), np.array([[0, 1, 255]], np.uint8)
    for label, replace in ((one, False), (one, False), (other, True)):
        write_seed(labels, 2, replace, labels / "a.png", label)
        assert read_label_map(seeds / "a.png").tolist() == np.where(label == 255, 3, label).tolist()
    with pytest.raises(DataError, match=r"a\.png is another seed"):
        write_seed(labels, 2, False, labels / "a.png", one)
