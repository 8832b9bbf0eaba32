"""Batches hold pasted views before originals, and boxes that name their view; patches are cut from the right image."""

import random

import pytest
import torch

from common.data.sampling import SampleKey
from l2g_cda.bank import ForegroundBank
from l2g_cda.pasting import CdaConfig, PastedTwins
from l2g_cda.views import ViewConfig, ViewMaker, collate, cut_patches, draw_boxes
from tests.l2g_cda.bank_samples import foreground, sample

VIEWS = ViewConfig(short_side=40, input_size=32, patch_side=24, patches=5)


def named(name):
    return sample((1, 0, 0)) | {"id": name}


def test_a_batch_of_plain_views():
    samples = [ViewMaker(VIEWS)(named(name), random.Random(0)) for name in "ab"]
    batch = collate(samples)
    assert next(iter(batch)) == "id" and batch["id"] == ["a", "b"]
    assert batch["boxes"][:, 0].tolist() == [0] * 5 + [1] * 5 and batch["boxes"].dtype == torch.float32
    assert torch.equal(batch["boxes"][5:, 1:], samples[1]["boxes"].float())
    assert batch["patch_tags"].tolist() == [[1, 0, 0]] * 10
    assert cut_patches(batch["saliency"], batch["boxes"], 24).shape == (10, 1, 24, 24)


def test_pasted_views_come_before_originals():
    twins = PastedTwins(
        [named("a"), named("b")], ViewMaker(VIEWS), 0, ForegroundBank({2: [foreground(2)]}), CdaConfig()
    )
    pairs = [twins[SampleKey(0, index)] for index in range(2)]
    batch = collate(pairs)
    assert batch["id"] == ["a", "b", "a", "b"] and batch["boxes"][:, 0].max() == 3
    assert torch.equal(batch["image"][1], pairs[1]["pasted"]["image"])
    assert torch.equal(batch["image"][2], pairs[0]["original"]["image"])
    assert batch["patch_tags"].tolist() == [[1, 0, 1]] * 10 + [[1, 0, 0]] * 10
    assert batch["tags"].tolist() == [[1, 0, 1]] * 4


@pytest.mark.parametrize("recipe", ["voc", "coco"])
def test_boxes_lie_inside_the_view(recipe):
    config = ViewConfig(recipe=recipe, input_size=20, patch_side=12, patches=9)
    boxes = draw_boxes(config, random.Random(0))
    assert boxes.shape == (9, 4) and boxes.min() >= 0 and boxes.max() <= 20
    assert (boxes[:, 2:] - boxes[:, :2] == 12).all()


def test_the_voc_recipe_begins_with_the_corners():
    config = ViewConfig(input_size=20, patch_side=12, patches=5)
    assert draw_boxes(config, random.Random(0))[:4, :2].tolist() == [[0, 0], [0, 8], [8, 0], [8, 8]]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_patches_equal_slices_of_their_images(layout):
    images = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8).contiguous(memory_format=layout)
    boxes = torch.tensor([[1, 2, 3, 6, 7], [0, 0, 4, 4, 8], [1, 4, 0, 8, 4]], dtype=torch.float32)
    patches = cut_patches(images, boxes, 4)
    slices = [images[i, :, y1:y2, x1:x2] for i, x1, y1, x2, y2 in boxes.long().tolist()]
    assert torch.equal(patches, torch.stack(slices))
