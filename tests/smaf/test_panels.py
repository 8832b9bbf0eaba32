"""Pictures of what is fused, of saliency as the network sees it, and of the target it learns."""

import numpy as np
import pytest
import torch

from common.cam.files import Cams
from common.data.palette import colour_label_map
from common.models.backbones import BackboneConfig
from smaf.fusion import FusionConfig
from smaf.network import build_network
from smaf.panels import saliency_panel, scale_panels, target_panel

TINY = BackboneConfig(name="resnet18", width=0.125, output_stride=8, freeze_batchnorm=True)
CLASSES = ("ring", "disc", "bar")
CPU = torch.device("cpu")
IMAGE = np.random.default_rng(0).integers(0, 255, (24, 40, 3), np.uint8)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_network(TINY, 3, "plain").eval()


def test_every_scale_has_a_picture_of_the_first_tag(network):
    sample = {"id": "one", "image": IMAGE, "tags": np.array([0, 1, 1], np.float32)}
    panels = list(scale_panels(network, sample, FusionConfig(scales=[0.5, 1.0]), CLASSES, CPU))
    assert [panel.title for panel in panels] == ["scale 0.5: disc", "scale 1: disc"]
    assert all(panel.image.shape == (24, 40, 3) for panel in panels)
    assert not np.array_equal(panels[0].image, panels[1].image)


def test_an_image_without_tags_has_no_picture_of_scales(network):
    sample = {"id": "one", "image": IMAGE, "tags": np.zeros(3, np.float32)}
    assert not list(scale_panels(network, sample, FusionConfig(), CLASSES, CPU))


def test_saliency_is_what_the_background_s_map_leaves(network):
    with torch.no_grad():
        network.head.fc8.weight.zero_()
    panel = saliency_panel(network, IMAGE, CPU)
    assert panel.image.shape == (24, 40) and panel.image.dtype == np.uint8
    assert (panel.image == round(255 * 3 / 4)).all(), "four equal maps leave three quarters"


def test_the_target_shows_the_class_above_the_floor_and_the_background_below():
    maps = np.array([[[0.9, 0.1]], [[0.5, 0.15]]], np.float32)
    panel = target_panel(Cams(np.array([0, 2]), maps), 0.2)
    assert np.array_equal(panel.image, colour_label_map(np.array([[1, 0]], np.uint8)))


def test_saliency_takes_part_in_the_target_where_it_does_in_the_training():
    maps = np.array([[[0.4, 0.4]]], np.float32)
    saliency = np.array([[255, 0]], np.uint8)
    panel = target_panel(Cams(np.array([0]), maps), 0.5, saliency, 0.5)
    assert np.array_equal(panel.image, colour_label_map(np.array([[1, 0]], np.uint8)))
    without = target_panel(Cams(np.array([0]), maps), 0.5, saliency, 0.0)
    assert np.array_equal(without.image, colour_label_map(np.array([[0, 0]], np.uint8)))
