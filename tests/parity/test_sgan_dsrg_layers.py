"""Losses, CRF layer and region growing of the segmentation stage equal the published ones, gradients included."""

import numpy as np
import pytest
import torch

from common.errors import DataError
from deeplabv2.networks.dsrg import CAFFE_MEAN
from deeplabv2.samples import caffe_input
from deeplabv2.seed_losses import (
    balanced_seed_loss,
    constrain_loss,
    floored_softmax,
    grow_seeds,
    log_refined_probabilities,
    one_hot_seeds,
    plain_seed_loss,
    self_labels,
)
from deeplabv2.settings import SegmentationLossConfig
from deeplabv2.train import SeedStep
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected
from tests.parity.sgan_segmentation_inputs import growing_inputs, layer_inputs

CHECKED = {
    *("softmax_layer", "label2seed", "balanced_seed_loss", "seed_loss", "crf_layer", "constrain_loss", "total", "psl"),
    *("region_growing_0", "region_growing_1"),
}


def test_every_open_case_is_checked():
    assert set(cases("dsrg_layers.npz", "")) == CHECKED


@pytest.fixture
def inputs():
    return layer_inputs()


@pytest.fixture
def probabilities(inputs):
    return floored_softmax(inputs[0]).requires_grad_()


@pytest.fixture
def photographs(inputs):
    """The images as the CRF takes them, uint8 2 x 9 x 9 x 3."""
    step = SeedStep(SegmentationLossConfig(name="dsrg"), 255, caffe_input(CAFFE_MEAN))
    return step.photographs(inputs[3], inputs[1])


def close(case, key, actual, step=1):
    wanted = expected(case)[key]
    values = np.asarray(actual.detach(), np.float32)[:, ::step] if step > 1 else np.asarray(actual.detach(), np.float32)
    assert_close(values.reshape(wanted.shape), wanted, CASES[case]["tolerance"])


@pytest.mark.parametrize("case", ["softmax_layer"])
def test_floored_softmax(inputs, case):
    logits = inputs[0].requires_grad_()
    probabilities = floored_softmax(logits)
    close(case, "prob", probabilities)
    close(case, "grad", *torch.autograd.grad(probabilities, logits, inputs[2]))


@pytest.mark.parametrize("case", ["label2seed"])
def test_seeds_of_labels(inputs, case):
    seeds = one_hot_seeds(inputs[1], 21)
    wanted = expected(case)
    np.testing.assert_array_equal(seeds.sum((2, 3)), wanted["seed_sum_per_class"])
    np.testing.assert_array_equal(seeds.sum(1), wanted["seed_sum_per_cell"])


@pytest.mark.parametrize(
    ("case", "loss", "step"), [("balanced_seed_loss", balanced_seed_loss, 1), ("seed_loss", plain_seed_loss, 3)]
)
def test_seed_loss(inputs, probabilities, case, loss, step):
    value = loss(probabilities, one_hot_seeds(inputs[1], 21))
    close(case, "loss", value)
    close(case, "grad", *torch.autograd.grad(value, probabilities), step=step)


@pytest.mark.parametrize("case", ["crf_layer"])
def test_crf_layer(inputs, probabilities, photographs, case):
    log_q = log_refined_probabilities(probabilities, photographs)
    close(case, "log_q", log_q, step=2)
    close(case, "grad", *torch.autograd.grad(log_q, probabilities, inputs[2]), step=2)
    # The published layer raises its input in place; ours works on a copy of the same values.
    close(case, "bottom_after", probabilities.clamp(min=1e-4), step=2)
    assert (probabilities < 1e-4).sum() == expected(case)["bottom_changed"]


@pytest.mark.parametrize("case", ["constrain_loss"])
def test_constrain_loss(probabilities, photographs, case):
    raised = probabilities.detach().clamp(min=1e-4).requires_grad_()
    log_q = log_refined_probabilities(raised, photographs).detach().requires_grad_()
    value = constrain_loss(raised, log_q)
    to_p, to_log_q = torch.autograd.grad(value, (raised, log_q))
    close(case, "loss", value)
    close(case, "grad_prob", to_p, step=2)
    close(case, "grad_logq", to_log_q, step=2)


@pytest.mark.parametrize("case", ["total"])
def test_gradient_of_the_whole_at_the_logits(inputs, photographs, case):
    logits = inputs[0].requires_grad_()
    probabilities = floored_softmax(logits)
    seed = balanced_seed_loss(probabilities, one_hot_seeds(inputs[1], 21))
    constrain = constrain_loss(probabilities, log_refined_probabilities(probabilities, photographs))
    close(case, "seed", seed)
    close(case, "constrain", constrain)
    close(case, "d_total_d_logits", *torch.autograd.grad(seed + constrain, logits))


@pytest.mark.parametrize("case", ["psl"])
def test_labels_of_the_network_among_those_of_the_image(inputs, case):
    labels = torch.from_numpy(5 * filled_input("open_layers:psl", (2, 1, 9, 9), 0, 4))[:, 0]
    own = self_labels(inputs[0][:2], labels)
    np.testing.assert_array_equal(own[:, None], expected(case)["mask"])


@pytest.mark.parametrize("case", ["region_growing_0", "region_growing_1"])
def test_region_growing(case):
    probabilities, cues, labels, (background, foreground) = growing_inputs(case)
    grown, wanted = grow_seeds(probabilities, cues, labels, background, foreground), expected(case)
    np.testing.assert_array_equal(cues[labels], wanted["cue_classes"])
    np.testing.assert_array_equal(grown[labels], wanted["seed_classes"])
    assert grown.sum() - cues.sum() == wanted["added"]


def test_seed_labels_outside_the_labels_are_an_error():
    with pytest.raises(DataError, match=r"0\.\.23.*21 for unlabelled"):
        one_hot_seeds(torch.tensor([[[0, 23]]]), 21)
