"""The published sizes on one real photograph: a training step and the maps at four scales."""

import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.data.sampling import SampleKey
from l2g_cda.config import L2GConfig
from l2g_cda.data.collate import collate
from l2g_cda.data.dataset import training_data
from l2g_cda.maps import AttentionInference, PyramidReader, inference_settings
from l2g_cda.models.pair import build_pair
from l2g_cda.solver import build_optimizer, optimizer_groups
from l2g_cda.train import L2GStep

LIMIT_GB = 20
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def layout(shared):
    root = shared / "data" / "voc_animals"
    if not root.is_dir():
        pytest.skip(f"no photographs: {root} does not exist")
    return open_layout(DataConfig(dataset="vocaug", root=str(root)))


def require_memory(gigabytes):
    """What can be had, file caches included; SC_AVPHYS_PAGES leaves those out."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024 / 1e9
    if available < gigabytes:
        pytest.skip(f"{available:.0f} GB of memory are free; this needs up to {gigabytes}")


def test_one_training_step_of_both_networks_fits_in_20_gb(layout):
    require_memory(LIMIT_GB)
    config = L2GConfig()
    data = training_data(layout, layout.ids("train")[:1], config.views, None, seed=0)
    batch = collate([data[SampleKey(0, 0)]])
    torch.manual_seed(0)
    pair = build_pair(config.body, layout.n_classes).train()
    optimizer = build_optimizer(optimizer_groups(pair, config.base.lr, config.solver), config.solver)
    before = pair.whole.fc8.weight.detach().clone()
    losses = L2GStep(config.loss, config.views.crop_size, pair.whole.body.output_stride)(pair, batch)
    assert batch["image"].shape == (1, 3, 448, 448) and len(batch["boxes"]) == 6
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    optimizer.step()
    assert not torch.equal(before, pair.whole.fc8.weight)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9 < LIMIT_GB


def test_maps_of_one_image_at_four_scales(layout):
    require_memory(10)
    config = L2GConfig()
    image_id = layout.ids("train")[0]
    torch.manual_seed(0)
    network = build_pair(config.body, layout.n_classes).whole.eval()
    reader = PyramidReader(ListedImages(layout, [image_id], parts={"tags"}), config.maps.scales, "imagenet")
    inference = AttentionInference(network, inference_settings(config.maps), torch.device("cpu"))
    sample = reader(image_id)
    (cams,) = inference([sample])
    assert cams.maps.shape == (len(sample["keys"]), *sample["size"])
    assert np.isfinite(cams.maps).all() and cams.maps.min() >= 0 and cams.maps.max() <= 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9 < LIMIT_GB
