"""The published form of the step has the losses and the gradients of this toolbox's form."""

import copy

import pytest
import torch

from common.method.steps import Form
from common.models.backbones import BackboneConfig
from common.models.frozen import fold_frozen_batchnorm
from smaf.bench import eps_as_published, noise_with_saliency
from smaf.losses import EpsStep
from smaf.network import build_network

TINY = BackboneConfig(name="resnet18", width=0.125, output_stride=8, freeze_batchnorm=True)


def gradients(network):
    return {name: parameter.grad for name, parameter in network.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("head", ["cls", "plain", "projection"])
@pytest.mark.parametrize("tau", [0.0, 0.4])
def test_both_forms_have_the_same_losses_and_gradients(head, tau):
    torch.manual_seed(0)
    network = build_network(TINY, 5, head).train()
    # A map that is sure of a class, so that some tagged classes are salient and others are not.
    with torch.no_grad():
        network.head.fc8.weight.mul_(30)
    network.dropout = torch.nn.Identity()
    ours = Form(network, EpsStep(head != "cls", tau, 0.5), noise_with_saliency(3, 64, 5))
    published = eps_as_published(Form(copy.deepcopy(network), ours.step, ours.batch))
    fold_frozen_batchnorm(network)
    found = []
    for form in (ours, published):
        losses = form.step(form.network, form.batch)
        sum(losses.values()).backward()
        found.append((losses, gradients(form.network)))
    (losses, own), (expected, others) = found
    assert losses.keys() == expected.keys() == ({"classification"} if head == "cls" else {"classification", "saliency"})
    for name, loss in expected.items():
        torch.testing.assert_close(losses[name], loss, rtol=1e-4, atol=1e-6)
    head_gradients = [name for name in others if name.startswith("head.fc8")]
    assert head_gradients
    for name in head_gradients:
        torch.testing.assert_close(own[name], others[name], rtol=1e-3, atol=1e-5 * others[name].abs().max().item())


def test_a_made_up_batch_has_the_form_of_a_real_one():
    batch = noise_with_saliency(2, 48, 5)
    assert batch["image"].shape == (2, 3, 48, 48) and batch["saliency"].shape == (2, 1, 48, 48)
    assert batch["tags"].shape == (2, 5) and batch["tags"].sum(1).tolist() == [2, 2]
    assert 0 < batch["saliency"].mean() < 1
