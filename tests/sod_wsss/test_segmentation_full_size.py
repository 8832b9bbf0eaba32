"""The published size of DeepLabv3+: a training step on a 512-pixel square, and a photograph's prediction at four scales."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from common.commands import parse_command
from deeplabv2.main import COMMANDS
from deeplabv2.networks.registry import starting_network
from deeplabv2.samples import imagenet_input, long_side_crop
from deeplabv2.test import form_of
from deeplabv2.train import build_step, group_optimizer
from sod_wsss.segmentation import V3PLUS_RECIPE
from tests.full_size import LIMIT_GB, peak_gb, require_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def config():
    return parse_command("main.py", COMMANDS["train"], ["-c", str(V3PLUS_RECIPE), "--network.backbone.weights="])


@pytest.fixture(scope="module")
def network(config):
    require_memory(LIMIT_GB)
    torch.manual_seed(0)
    return starting_network(config.network)


def photograph(height=375, width=500):
    """Blocks of colours; the label of each is one of VOC's."""
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 21, (5, 5)), np.ones((height // 5, width // 5), int)).astype(np.uint8)
    colours = rng.integers(0, 256, (21, 3)).astype(np.uint8)
    return {"image": colours[labels], "mask": labels}


def test_one_training_step_fits_in_20_gb_and_changes_every_part(config, network):
    image = config.image
    transform = long_side_crop(imagenet_input(), image.long_sides, image.crop_size)
    batch = default_collate([transform(photograph(), random.Random(0))])
    assert batch["image"].shape == (1, 3, 512, 512) and batch["mask"].shape == (1, 512, 512)
    optimizer = group_optimizer(config, network.train())
    parts = network.base.model.conv1[0], network.base.aspp.conv1, network.base.decoder.classifier[8]
    before = [part.weight.detach().clone() for part in parts]
    (loss,) = build_step(config, network)(network, batch).values()
    total = loss.total / loss.count
    total.backward()
    optimizer.step()
    optimizer.zero_grad()
    assert torch.isfinite(total) and loss.count == (batch["mask"] != 255).sum()
    assert not any(torch.equal(old, part.weight) for old, part in zip(before, parts, strict=True))
    assert peak_gb() < LIMIT_GB


def test_a_photograph_is_segmented_at_four_scales_at_its_own_size(config, network):
    form, image = form_of(config), photograph()["image"]
    inputs = form.inputs(image, imagenet_input())
    assert [tuple(one.shape[1:]) for one in inputs] == [(188, 250), (375, 500), (562, 750), (750, 1000)]
    sample = {"id": "a", "path": Path("a.jpg"), "inputs": inputs, "size": image.shape[:2], "tags": None}
    with torch.inference_mode():
        (prediction,) = form.predict(network.eval(), torch.device("cpu"), [sample], label_maps=True)
    assert prediction.logits[0].shape == (21, 375, 500) and prediction.label_map.shape == (375, 500)
    assert peak_gb() < LIMIT_GB
