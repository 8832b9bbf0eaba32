"""Labels reduced to the maps, and every loss with its gradient, equal those of the published trainers."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deeplabv2.losses import (
    balanced_cross_entropy,
    cross_entropy,
    focal_loss,
    map_loss,
    pyramid_losses,
    self_training_labels,
)
from deeplabv2.networks.deeplab import elementwise_maximum
from deeplabv2.resize import resize_labels
from tests.parity.deeplabv2_cases import CASES, EDGE_LOSS, PYRAMID_LOSS, RESIZED_LABELS, expected, made

# Beginning of a case's name: its loss.
LOSSES = {
    "msc_ce": map_loss("ce"),
    "msc_balanced": map_loss("balanced_ce"),
    "msc_focal_g0": map_loss("focal", focal_gamma=0),
    "msc_focal_g2": map_loss("focal", focal_gamma=2),
    "msc_drs_selftrain": map_loss("self_training", multiply=True),
}
# The label of the constant foreground map.
FOREGROUND = 7


def loss_of(case):
    (loss,) = (loss for beginning, loss in LOSSES.items() if case.startswith(beginning))
    return loss


def published(*terms):
    """The value as the published code computes it: NaN where a term has no pixel."""
    return sum(term.total / term.count for term in terms)


@pytest.mark.parametrize("case", RESIZED_LABELS)
def test_labels_reduced_to_a_map(case):
    labels = torch.from_numpy(made(CASES[case]["input"]))
    for key, wanted in expected(case).items():
        # as_original: the published code swaps height and width; the shape of the array says which size was asked for.
        np.testing.assert_array_equal(resize_labels(labels, wanted.shape[1:]).numpy(), wanted, err_msg=key)


def loss_inputs(case):
    """The three raw maps, the four maps, labels, and the present classes if the case has them."""
    inputs = CASES[case]["inputs"]
    raw = [torch.from_numpy(made(spec)).requires_grad_() for spec in inputs["logits"]]
    labels = torch.from_numpy(made(inputs["labels"]))
    present = None
    if "class_vector" in inputs:
        present = torch.from_numpy(made(inputs["class_vector"])).float()
        present[:, 0] = 1
    return SimpleNamespace(raw=raw, maps=[*raw, elementwise_maximum(raw[0], raw[1:])], labels=labels, present=present)


@pytest.mark.parametrize("case", PYRAMID_LOSS)
def test_loss_over_the_pyramid(case):
    inputs, wanted = loss_inputs(case), expected(case)
    tolerance = CASES[case]["tolerance"]
    tags = None if inputs.present is None else inputs.present[:, 1:]
    losses = pyramid_losses(inputs.maps, inputs.labels, loss_of(case), tags=tags)
    terms = [
        sum(term.total / term.count for name, term in losses.items() if re.fullmatch(rf"map{number}(_\w+)?", name))
        for number in range(len(inputs.maps))
    ]
    gradients = torch.autograd.grad(sum(terms), inputs.raw)
    np.testing.assert_allclose([term.item() for term in terms], wanted["terms"], rtol=tolerance["rtol"])
    np.testing.assert_allclose(sum(terms).item(), wanted["total"], rtol=tolerance["rtol"])
    for number, gradient in enumerate(gradients):
        stored = gradient[:, :, ::4, ::4].numpy()
        np.testing.assert_allclose(stored, wanted[f"grad{number}"], **tolerance)
        np.testing.assert_allclose(gradient.norm().item(), wanted["gradnorm"][number], rtol=tolerance["rtol"])


@pytest.mark.parametrize("case", [case for case in PYRAMID_LOSS if "selftrain" in case])
def test_labels_of_the_network_itself(case):
    inputs, wanted = loss_inputs(case), expected(case)

    def absent_share(multiply):
        """Share of pixels with a label that is not in the image, mean over the maps."""
        own = [self_training_labels(logits, inputs.present, multiply).flatten(1) for logits in inputs.maps]
        return np.mean([(inputs.present.gather(1, labels) == 0).double().mean().item() for labels in own])

    own = self_training_labels(inputs.maps[0], inputs.present, multiply=True)
    np.testing.assert_array_equal(own.numpy(), wanted["pseudo0"])
    assert absent_share(multiply=True) == pytest.approx(float(wanted["fraction_absent_class"]))
    assert absent_share(multiply=False) == 0


@pytest.mark.parametrize("case", EDGE_LOSS)
def test_loss_of_constant_labels(case):
    logits = torch.from_numpy(made(CASES[case]["input"]))
    shape = (logits.shape[0], *logits.shape[2:])
    fills = {"all_ignored": 255, "all_background": 0, "all_foreground": FOREGROUND}
    for name, wanted in expected(case).items():
        kind, loss = name.rsplit("_", 1)
        labels = torch.full(shape, fills[kind])
        labels[:, 0] = 255
        terms = {
            "ce": lambda logits, labels: [cross_entropy(logits, labels)],
            "balanced": balanced_cross_entropy,
            "focal0": lambda logits, labels: [focal_loss(logits, labels)],
        }[loss](logits, labels)
        np.testing.assert_allclose(
            published(*terms).item(), wanted, rtol=CASES[case]["tolerance"]["rtol"], err_msg=name
        )
