"""The published form of the step has the losses of this toolbox's form."""

import pytest
import torch

from common.method.steps import Form
from l2g_cda.backbones import L2GBackbone
from l2g_cda.bench import noise_views, step_as_published
from l2g_cda.losses import L2GLoss, L2GStep
from l2g_cda.network import build_pair
from l2g_cda.views import ViewConfig

VIEWS = ViewConfig(short_side=64, input_size=48, patch_side=32, patches=4)


@pytest.mark.parametrize("background_target", ["indicator", "value"])
@pytest.mark.parametrize("freeze_batchnorm", [True, False])
def test_both_forms_have_the_same_losses(background_target, freeze_batchnorm):
    torch.manual_seed(0)
    backbone = L2GBackbone(name="resnet18", width=0.125, frozen_stages=0, freeze_batchnorm=freeze_batchnorm)
    pair = build_pair(backbone, 5).train()
    loss = L2GLoss(background_threshold=0.1, background_target=background_target)
    ours = Form(pair, L2GStep(loss, VIEWS.patch_side, 8), noise_views(VIEWS, 2, 5))
    network, step, batch = step_as_published(ours)
    with torch.no_grad():
        expected, published = ours.step(pair, ours.batch), step(network, batch)
    assert expected.keys() == published.keys()
    for name, value in expected.items():
        torch.testing.assert_close(published[name], value, rtol=1e-4, atol=1e-6)


def test_a_made_up_batch_has_the_form_of_a_real_one():
    batch = noise_views(VIEWS, 2, 5)
    assert batch["image"].shape == (2, 3, 48, 48) and batch["saliency"].shape == (2, 1, 48, 48)
    assert batch["boxes"].shape == (8, 5) and batch["boxes"][:, 1:].max() <= 48
    assert batch["tags"].shape == (2, 5) and batch["patch_tags"].shape == (8, 5)
