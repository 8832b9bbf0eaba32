import numpy as np

from common.cam.files import Cams
from common.pseudo_labels.rule import Evidence
from sgan.labels import SeedRule
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
