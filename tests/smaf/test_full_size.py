"""The published sizes on one real photograph: a training step of EPS, a step of the self-training, and the fusion at four scales."""

import numpy as np
import pytest
import torch

from common.cam.inference import CamInference, PyramidLoader
from common.data.dataset import ListedImages
from common.data.sampling import SampleKey
from smaf.method import EPS, METHOD, ROUNDS
from smaf.settings import SmafSettings
from tests.full_size import LIMIT_GB, peak_gb, require_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def one_step(training, settings, layout, sample):
    """The step that a training would take on one image; returns its losses."""
    batch = training.collate(settings)([sample])
    torch.manual_seed(0)
    network = training.network(settings, layout).train()
    optimizer = training.optimizer(settings, network)
    training.prepare(settings, network)
    before = network.head.fc8.weight.detach().clone()
    losses = training.step(settings, network)(network, batch)
    assert batch["image"].shape == (1, 3, 448, 448)
    sum(losses.values()).backward()
    optimizer.step()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert not torch.equal(before, network.head.fc8.weight)
    return losses


def test_one_training_step_of_eps_fits_in_20_gb(photographs):
    require_memory(LIMIT_GB)
    settings = SmafSettings()
    losses = one_step(EPS, settings, photographs, EPS.data(settings, photographs)[SampleKey(0, 0)])
    assert losses.keys() == {"classification", "saliency"}
    assert peak_gb() < LIMIT_GB


def test_fused_maps_of_one_image_at_four_scales_are_what_a_step_of_the_self_training_learns(photographs, tmp_path):
    require_memory(LIMIT_GB)
    settings = SmafSettings(out=str(tmp_path))
    image_id = photographs.ids("train")[0]
    torch.manual_seed(0)
    network = EPS.network(settings, photographs).eval()
    sample = PyramidLoader(ListedImages(photographs, [image_id], parts={"tags"}), settings.cam)(image_id)
    (cams,) = CamInference(network, settings.cam, torch.device("cpu"))([sample])
    assert [level.shape[2] / sample["size"][1] for level in sample["pyramid"]] == pytest.approx(
        [0.5, 1, 1.5, 2], abs=0.01
    )
    assert cams.maps.shape == (len(sample["keys"]), *sample["size"])
    assert np.isfinite(cams.maps).all() and cams.maps.min() >= 0 and cams.maps.max() < 1
    fuse = METHOD.stage("fuse")
    fuse.writer(settings)(fuse.folder(settings) / f"{image_id}.npz", cams)
    sample = ROUNDS[0].data(settings, photographs)[SampleKey(0, 0)]
    assert sample["attention"].shape == (20, 112, 112)
    losses = one_step(ROUNDS[0], settings, photographs, sample)
    assert losses.keys() == {"attention"}
    assert peak_gb() < LIMIT_GB
