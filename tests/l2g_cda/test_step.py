"""Each loss of the step teaches one of the two networks."""

import pytest
import torch

from common.data.dataset import ListedImages
from common.data.sampling import SampleKey, SeededDataset
from l2g_cda.backbones import L2GBackbone
from l2g_cda.losses import L2GLoss, L2GStep
from l2g_cda.network import build_pair
from l2g_cda.views import ViewConfig, ViewMaker, collate

VIEWS = ViewConfig(short_side=80, input_size=64, patch_side=48, patches=4)


@pytest.fixture(scope="module")
def batch(layout):
    data = SeededDataset(ListedImages(layout, layout.ids("train")[:2], ("tags", "saliency")), ViewMaker(VIEWS), seed=0)
    return collate([data[SampleKey(0, index)] for index in range(2)])


@pytest.fixture(scope="module")
def pair(layout):
    torch.manual_seed(0)
    return build_pair(L2GBackbone(name="vgg16", width=0.125, frozen_stages=0), layout.n_classes)


def gradients(pair, batch, wanted, **loss):
    """Which network a loss of the step reaches."""
    pair.zero_grad()
    losses = L2GStep(L2GLoss(**loss), VIEWS.patch_side, 8)(pair, batch)
    if losses[wanted].requires_grad:
        losses[wanted].backward()
    return [name for name, network in pair.named_children() if network.fc8.weight.grad is not None]


@pytest.mark.parametrize(
    ("loss", "reached"),
    [("distillation", ["global_network"]), ("local_classification", ["local_network"]), ("global_classification", [])],
)
def test_each_loss_teaches_its_network_only(pair, batch, loss, reached):
    assert gradients(pair, batch, loss) == reached


def test_the_global_classification_teaches_when_it_has_a_weight(pair, batch):
    assert gradients(pair, batch, "global_classification", global_weight=1.0) == ["global_network"]


def test_the_distillation_is_not_divided_by_the_accumulated_batches(pair, batch):
    with torch.no_grad():
        once, thrice = (L2GStep(L2GLoss(), VIEWS.patch_side, 8, count)(pair.eval(), batch) for count in (1, 3))
    assert thrice["distillation"].item() == pytest.approx(3 * once["distillation"].item(), rel=1e-5)
    assert thrice["local_classification"].item() == pytest.approx(once["local_classification"].item(), rel=1e-5)
