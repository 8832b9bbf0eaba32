"""The published size of the saliency network: a training step of four images on Swin-Base, and the map of one."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import default_collate

from common.data.dataset import ListedImages
from common.data.images import image_size
from common.data.sampling import SampleKey
from common.method.settings import with_values
from sod_wsss.saliency_stages import SALIENCY, SOD
from sod_wsss.settings import SodWsssSettings
from tests.full_size import LIMIT_GB, peak_gb, require_memory

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
# The published sixteen fit too; they take minutes on a CPU.
BATCH = 4


@pytest.fixture
def settings(tmp_path):
    """The published settings, with pictures of a bright square as saliency dataset."""
    for number in range(BATCH):
        mask = np.zeros((300, 400), np.uint8)
        mask[50 + number : 200, 100:300] = 255
        for name, pixels in (("Images", np.stack([mask // 2 + 60] * 3, 2)), ("Masks", mask)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    return with_values(SodWsssSettings(), {"sod.train_root": str(tmp_path)})


def test_one_training_step_of_four_images_fits_in_20_gb(settings):
    require_memory(LIMIT_GB)
    layout = SOD.layout(settings)
    data = SOD.data(settings, layout)
    batch = default_collate([data[SampleKey(0, place)] for place in range(BATCH)])
    assert batch["image"].shape == (BATCH, 3, 224, 224) and batch["edge"].shape == (BATCH, 1, 224, 224)
    torch.manual_seed(0)
    network = SOD.network(settings, layout).train()
    # The published network has 265.1 million parameters, 50.2 of them unused.
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(214.9e6, rel=1e-3)
    optimizer = SOD.optimizer(settings, network)
    before = network.S1.weight.detach().clone()
    total = sum(SOD.step(settings, network)(network, batch).values())
    total.backward()
    optimizer.step()
    assert torch.isfinite(total) and not torch.equal(before, network.S1.weight)
    assert peak_gb() < LIMIT_GB


def test_the_map_of_a_photograph_has_its_size(settings, photographs):
    require_memory(8)
    image_id = photographs.ids("val")[0]
    torch.manual_seed(0)
    network = SOD.network(settings, photographs).eval()
    sample = SALIENCY.load(settings, ListedImages(photographs, [image_id]))(image_id)
    (made,) = SALIENCY.compute(settings, network, torch.device("cpu"))([sample])
    assert made.shape == image_size(photographs.image_path(image_id))
    assert made.min() == 0 and made.max() == pytest.approx(1, abs=1e-5)
    assert peak_gb() < LIMIT_GB
