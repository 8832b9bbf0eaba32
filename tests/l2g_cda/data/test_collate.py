"""Batches hold pasted views before originals, and boxes that name their view."""

import random

import torch

from common.data.sampling import SampleKey
from l2g_cda.cda.bank import ForegroundBank
from l2g_cda.cda.twins import PastedTwins
from l2g_cda.data.collate import collate
from l2g_cda.data.patches import cut_patches
from l2g_cda.data.settings import CdaConfig, ViewConfig
from l2g_cda.data.views import ViewMaker
from tests.l2g_cda.cda.bank_samples import foreground, sample

VIEWS = ViewConfig(resize=40, input_size=32, crop_size=24, patches=5)


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
