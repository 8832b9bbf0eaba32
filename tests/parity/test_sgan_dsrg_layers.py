"""Losses, CRF layer and region growing of the segmentation stage equal the published ones, gradients included."""

import numpy as np
import pytest
import torch

from common.errors import DataError
from sgan.segmentation.crf_layer import log_refined_probabilities, refined_probabilities
from sgan.segmentation.data import crf_photograph
from sgan.segmentation.losses import (
    balanced_seed_loss,
    clamped_softmax,
    constrain_loss,
    floored_softmax,
    one_hot_seeds,
    plain_seed_loss,
)
from sgan.segmentation.region_growing import grow_seeds
from sgan.segmentation.resize import resize_aligned
from sgan.segmentation.retrain import self_labels
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected
from tests.parity.sgan_segmentation_inputs import blur, growing_inputs, layer_inputs

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
    return torch.stack([crf_photograph(image, 9) for image in inputs[3]])


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


def torch_inputs():
    """Logits and seeds of the original's PyTorch losses."""
    logits = torch.from_numpy(filled_input("open_dsrg:pred", (2, 21, 9, 11)) * 2).requires_grad_()
    labels = filled_input("open_dsrg:lab", (2, 9, 11), 0, 22)
    labels[0][labels[0] == 0] = 21
    return logits, one_hot_seeds(torch.from_numpy(labels), 21)


@pytest.mark.parametrize("case", ["torch_seedloss"])
def test_seed_loss_in_its_pytorch_version(case):
    logits, seeds = torch_inputs()
    value = balanced_seed_loss(clamped_softmax(logits), seeds, least=0, offset=1e-5)
    close(case, "loss", value)
    close(case, "grad", *torch.autograd.grad(value, logits))


@pytest.mark.parametrize("case", ["torch_boundaryloss"])
def test_boundary_loss_in_its_pytorch_version(case):
    logits, _ = torch_inputs()
    images = blur(filled_input("open_dsrg:im", (2, 3, 37, 45), 0, 256).astype(np.float32), (0, 0, 3, 3))
    photographs = resize_aligned(torch.from_numpy(images), (9, 11)).byte().permute(0, 2, 3, 1)
    probabilities = clamped_softmax(logits)
    refined = refined_probabilities(probabilities, photographs, floor=1e-5)
    value = constrain_loss(probabilities, refined.log())
    close(case, "crf_prob", refined, step=5)
    close(case, "loss", value)
    close(case, "grad", *torch.autograd.grad(value, logits))


def test_seed_labels_outside_the_labels_are_an_error():
    with pytest.raises(DataError, match=r"0\.\.23.*21 for unlabelled"):
        one_hot_seeds(torch.tensor([[[0, 23]]]), 21)
