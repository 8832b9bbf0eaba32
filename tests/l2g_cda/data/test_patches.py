"""Patches lie inside the view and are cut from the right image."""

import random

import pytest
import torch

from l2g_cda.data.patches import cut_patches, draw_boxes
from l2g_cda.data.settings import ViewConfig


@pytest.mark.parametrize("recipe", ["voc", "coco"])
def test_boxes_lie_inside_the_view(recipe):
    config = ViewConfig(recipe=recipe, input_size=20, crop_size=12, patches=9)
    boxes = draw_boxes(config, random.Random(0))
    assert boxes.shape == (9, 4) and boxes.min() >= 0 and boxes.max() <= 20
    assert (boxes[:, 2:] - boxes[:, :2] == 12).all()


def test_the_voc_recipe_begins_with_the_corners():
    config = ViewConfig(input_size=20, crop_size=12, patches=5)
    assert draw_boxes(config, random.Random(0))[:4, :2].tolist() == [[0, 0], [0, 8], [8, 0], [8, 8]]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_patches_equal_slices_of_their_images(layout):
    images = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8).contiguous(memory_format=layout)
    boxes = torch.tensor([[1, 2, 3, 6, 7], [0, 0, 4, 4, 8], [1, 4, 0, 8, 4]], dtype=torch.float32)
    patches = cut_patches(images, boxes, 4)
    slices = [images[i, :, y1:y2, x1:x2] for i, x1, y1, x2, y2 in boxes.long().tolist()]
    assert torch.equal(patches, torch.stack(slices))
