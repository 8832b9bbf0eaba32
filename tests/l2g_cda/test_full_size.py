"""The published sizes on one real photograph: a training step and the maps at four scales."""

import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from common.cam.inference import PyramidLoader
from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.data.sampling import SampleKey
from l2g_cda.maps import AttentionInference
from l2g_cda.method import FIRST, plain_views
from l2g_cda.network import build_pair
from l2g_cda.settings import L2GSettings
from l2g_cda.views import collate

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
    settings = L2GSettings()
    batch = collate([plain_views(settings, layout)[SampleKey(0, 0)]])
    torch.manual_seed(0)
    pair = build_pair(settings.backbone, layout.n_classes).train()
    optimizer = FIRST.optimizer(settings, pair)
    before = pair.global_network.fc8.weight.detach().clone()
    losses = FIRST.step(settings, pair)(pair, batch)
    assert batch["image"].shape == (1, 3, 448, 448) and len(batch["boxes"]) == 6
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    optimizer.step()
    assert not torch.equal(before, pair.global_network.fc8.weight)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9 < LIMIT_GB


def test_maps_of_one_image_at_four_scales(layout):
    require_memory(10)
    settings = L2GSettings()
    image_id = layout.ids("train")[0]
    torch.manual_seed(0)
    network = build_pair(settings.backbone, layout.n_classes).global_network.eval()
    sample = PyramidLoader(ListedImages(layout, [image_id], parts={"tags"}), settings.cam)(image_id)
    inference = AttentionInference(network, settings.cam, torch.device("cpu"))
    (cams,) = inference([sample])
    assert cams.maps.shape == (len(sample["keys"]), *sample["size"])
    assert np.isfinite(cams.maps).all() and cams.maps.min() >= 0 and cams.maps.max() <= 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9 < LIMIT_GB
