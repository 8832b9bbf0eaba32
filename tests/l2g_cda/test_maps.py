import numpy as np
import pytest
import torch

from common.cam.files import Cams, read_cams
from common.cam.inference import PyramidLoader
from common.cam.random_walk_maps import fuse_random_walk
from common.data.colours import NORMALISATIONS
from common.data.images import read_label_map
from common.data.transforms import ToTensors
from common.errors import DataError, NonFiniteError
from l2g_cda.backbones import L2GBackbone
from l2g_cda.maps import (
    AttentionInference,
    L2GCam,
    byte_shares,
    fuse_attention,
    write_attention,
    write_published_pngs,
)
from l2g_cda.network import build_l2g


class OneImage:
    """An image with the classes 0 and 2."""

    def read(self, image_id):
        image = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
        return {"id": image_id, "image": image, "tags": np.array([1, 0, 1], np.float32)}


def test_negative_parts_count_before_the_mean_is_taken():
    one, other = torch.full((1, 2, 2), 4.0), torch.full((1, 2, 2), -6.0)
    one[0, 0, 0] = 10
    attention = fuse_attention([one, other], (2, 2))
    np.testing.assert_allclose(attention[0], [[1, 0], [0, 0]], atol=1e-6)


def test_random_walk_maps_have_a_quarter_and_the_full_size():
    quarter, full = fuse_random_walk([torch.rand(2, 5, 7)], (37, 54))
    assert quarter.shape == (2, 10, 14) and full.shape == (2, 37, 54)


def test_the_shared_file_keeps_every_value_of_the_published_pictures(tmp_path):
    levels = np.arange(256, dtype=np.float32) / np.float32(255)
    write_attention(tmp_path / "a.npz", Cams(np.array([3]), levels.reshape(1, 16, 16) + np.float32(0.001)))
    read = byte_shares(read_cams(tmp_path / "a.npz"))
    assert read.maps.dtype == np.float32 and (read.maps.ravel() == levels).all()


def test_labels_compare_as_the_published_pictures_do():
    cams = byte_shares(Cams(np.array([0]), np.float32([[[0.2, 0.2005]]])))
    assert cams.maps[0, 0, 0] == np.float32(0.2) == cams.maps[0, 0, 1]


def test_an_image_without_tags_has_no_map():
    assert fuse_attention([torch.zeros(0, 3, 3)], (24, 24)).shape == (0, 24, 24)


def test_maps_that_are_not_finite_are_an_error():
    with pytest.raises(NonFiniteError):
        fuse_attention([torch.full((1, 2, 2), torch.nan)], (4, 4))


@pytest.mark.parametrize(("name", "mean", "deviation"), [("imagenet", 0.485, 0.229), ("coco", 0.471, 0.234)])
def test_the_normalisation_is_the_one_asked_for(name, mean, deviation):
    loader = PyramidLoader(OneImage(), L2GCam(scales=[1.0]), ToTensors(*NORMALISATIONS[name]))
    red = loader.scaled(np.zeros((4, 4, 3), np.uint8), 1.0)[0]
    assert red[0, 0].item() == pytest.approx(-mean / deviation)


def test_the_loop_over_passes_equals_the_plain_computation():
    torch.manual_seed(0)
    network = build_l2g(L2GBackbone(name="vgg16", width=0.125, frozen_stages=0), 3).eval()
    config = L2GCam(scales=[0.5, 1.0])
    sample = PyramidLoader(OneImage(), config)("a")
    (cams,) = AttentionInference(network, config, torch.device("cpu"))([sample])
    maps = []
    with torch.inference_mode():
        for level in sample["pyramid"]:
            maps += [network(level[None]).maps[0, [0, 2]], network(level.flip(2)[None]).maps[0, [0, 2]].flip(2)]
    np.testing.assert_allclose(cams.maps, fuse_attention(maps, (24, 40)), atol=1e-3)
    assert cams.keys.tolist() == [0, 2]


def test_a_picture_per_class_and_the_labels_of_an_image(tmp_path):
    cams = Cams(np.array([1, 4]), np.stack([np.eye(4), 1 - np.eye(4)]).astype(np.float32))
    write_published_pngs(tmp_path, 0.35, "a_b", cams)
    assert sorted(path.name for path in (tmp_path / "ms" / "attention").iterdir()) == ["a_b_1.png", "a_b_4.png"]
    assert read_label_map(tmp_path / "cam_png" / "a_b.png").tolist() == (np.eye(4) * 2 + (1 - np.eye(4)) * 5).tolist()


def test_an_id_cannot_leave_its_folder(tmp_path):
    with pytest.raises(DataError, match="leaves its root"):
        write_published_pngs(tmp_path, 0.35, "../../../a", Cams(np.array([1]), np.zeros((1, 4, 4), np.float32)))
