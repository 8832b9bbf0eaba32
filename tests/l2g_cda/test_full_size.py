"""The published sizes on one real photograph: a training step and the maps at four scales."""

import numpy as np
import pytest
import torch

from common.cam.inference import PyramidLoader
from common.data.dataset import ListedImages
from common.data.sampling import SampleKey
from l2g_cda.maps import AttentionInference
from l2g_cda.method import FIRST, plain_views
from l2g_cda.network import build_pair
from l2g_cda.settings import L2GSettings
from l2g_cda.views import collate
from tests.full_size import LIMIT_GB, peak_gb, require_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_one_training_step_of_both_networks_fits_in_20_gb(photographs):
    require_memory(LIMIT_GB)
    settings = L2GSettings()
    batch = collate([plain_views(settings, photographs)[SampleKey(0, 0)]])
    torch.manual_seed(0)
    pair = build_pair(settings.backbone, photographs.n_classes).train()
    optimizer = FIRST.optimizer(settings, pair)
    before = pair.global_network.fc8.weight.detach().clone()
    losses = FIRST.step(settings, pair)(pair, batch)
    assert batch["image"].shape == (1, 3, 448, 448) and len(batch["boxes"]) == 6
    assert all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    optimizer.step()
    assert not torch.equal(before, pair.global_network.fc8.weight)
    assert peak_gb() < LIMIT_GB


def test_maps_of_one_image_at_four_scales(photographs):
    require_memory(10)
    settings = L2GSettings()
    image_id = photographs.ids("train")[0]
    torch.manual_seed(0)
    network = build_pair(settings.backbone, photographs.n_classes).global_network.eval()
    sample = PyramidLoader(ListedImages(photographs, [image_id], parts={"tags"}), settings.cam)(image_id)
    inference = AttentionInference(network, settings.cam, torch.device("cpu"))
    (cams,) = inference([sample])
    assert cams.maps.shape == (len(sample["keys"]), *sample["size"])
    assert np.isfinite(cams.maps).all() and cams.maps.min() >= 0 and cams.maps.max() <= 1
    assert peak_gb() < LIMIT_GB
