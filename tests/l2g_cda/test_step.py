"""Each loss of the step teaches one of the two networks."""

import pytest
import torch

from common.data.dataset import ListedImages
from common.data.sampling import SampleKey, SeededDataset
from common.method.plain_cam import classification_loss
from l2g_cda.backbones import L2GBackbone
from l2g_cda.losses import L2GLoss, L2GStep, aligned_probabilities, local_target
from l2g_cda.network import ScoreMaps, build_pair
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


def test_the_tags_of_views_filter_the_target_and_those_of_patches_are_learnt_by_the_local_network():
    """Beside a pasted twin the two differ: the view's tags hold the pasted class too."""
    generator = torch.Generator().manual_seed(0)
    side, n_views, n_classes = 48, 2, 3
    views, patches = (
        ScoreMaps(torch.randn(count, n_classes + 1, 4, 4, generator=generator), torch.randn(count, n_classes))
        for count in (n_views, 2 * n_views)
    )
    boxes = torch.tensor([[view, 8 * step, 0, 8 * step + side, side] for view in range(n_views) for step in (0, 1)])
    batch = {
        "boxes": boxes.float(),
        "saliency": torch.rand(n_views, 1, 64, 64, generator=generator),
        "tags": torch.tensor([[1.0, 1, 0], [0, 1, 1]]),
        "patch_tags": torch.tensor([[1.0, 0, 0]] * 2 + [[0, 0, 1]] * 2),
    }
    step = L2GStep(L2GLoss(distillation_weight=7, background_threshold=0.2, global_weight=3), side, 16)
    losses = step.losses((views, patches), batch)
    of_patches = batch["tags"][[0, 0, 1, 1]]
    target = local_target(patches.maps, of_patches, step.cut(batch["saliency"], batch["boxes"]), 0.2)
    assert not torch.equal(target, local_target(patches.maps, batch["patch_tags"], torch.ones(4, 1, 48, 48), 0.2))
    probabilities = aligned_probabilities(views.maps, boxes, (4, 4), 16)
    torch.testing.assert_close(losses["distillation"], 7 * (probabilities - target).square().mean())
    torch.testing.assert_close(losses["local_classification"], classification_loss(patches.logits, batch["patch_tags"]))
    torch.testing.assert_close(losses["global_classification"], 3 * classification_loss(views.logits, batch["tags"]))


def test_the_distillation_is_not_divided_by_the_accumulated_batches(pair, batch):
    with torch.no_grad():
        once, thrice = (L2GStep(L2GLoss(), VIEWS.patch_side, 8, count)(pair.eval(), batch) for count in (1, 3))
    assert thrice["distillation"].item() == pytest.approx(3 * once["distillation"].item(), rel=1e-5)
    assert thrice["local_classification"].item() == pytest.approx(once["local_classification"].item(), rel=1e-5)
