"""The losses of the saliency network and its optimisation against the published functions' numbers."""

import re

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from common.engine.schedules import annealing, decay_steps, step_decay
from sod_wsss.saliency_losses import dice_loss, edge_loss, soften_edges, structure_loss, supervision
from tests.parity.sod_wsss_cases import args, cases, close, expected, given, part_of, tensor, what

LOSSES = {
    "structure_loss": structure_loss,
    "structure_loss_repaired": lambda logits, target: structure_loss(logits, target, "repaired"),
    "iou_loss_sigmoid": dice_loss,
    "bce_logits": binary_cross_entropy_with_logits,
    "namlab_supervision": lambda logits, target: edge_loss(logits, target, with_bce=True),
    "edge_supervision": lambda logits, target: edge_loss(logits, target, with_bce=False),
}


def loss_of(case):
    """The loss whose name a case begins with, the longest that fits."""
    return LOSSES[max((name for name in LOSSES if case.startswith(name)), key=len)]


@pytest.mark.parametrize("case", cases(*LOSSES))
def test_a_loss_and_its_gradient_are_the_published_ones(case):
    logits, target = map(tensor, given(case))
    if "softened" in what(case):
        target = soften_edges(target)
    logits.requires_grad_()
    loss = loss_of(case)(logits, target)
    loss.backward()
    close(case, "loss", loss)
    close(case, "grad", logits.grad[part_of(what(case))])


@pytest.mark.parametrize("case", cases("gt_supervision_pyramid"))
def test_the_loss_over_maps_of_falling_size_is_the_published_one(case):
    *maps, target = map(tensor, given(case))
    for one in maps:
        one.requires_grad_()
    loss = supervision(maps, target)
    loss.backward()
    close(case, "loss", loss)
    for level, one in enumerate(maps):
        close(case, f"grad{level}", one.grad[..., ::2, ::2])


@pytest.mark.parametrize("case", cases("sod_losses_empty_gt"))
def test_the_losses_of_an_empty_mask_are_the_published_ones(case):
    (logits,) = map(tensor, given(case))
    target = torch.zeros_like(logits)
    close(case, "structure", structure_loss(logits, target))
    close(case, "dice", dice_loss(logits, target))
    close(case, "bce", binary_cross_entropy_with_logits(logits, target))


# --- Optimisation. ---


@pytest.mark.parametrize("case", cases("linear_annealing"))
def test_weights_go_linearly_from_start_to_end(case):
    calls, epochs = re.search(r"^(.*) for e = ([\d,]+)", what(case)).groups()
    ends = re.findall(r"\(([\d.]+),([\d.]+),e,(\d+)\)", calls)
    for name, (start, end, length) in zip(("up", "down"), ends, strict=True):
        values = [annealing(float(start), float(end), int(epoch), int(length)) for epoch in epochs.split(",")]
        close(case, name, np.array(values))


@pytest.mark.parametrize("case", cases("clip_gradient"))
def test_gradients_are_cut_element_by_element(case):
    parameter = torch.nn.Parameter(torch.zeros(expected(case)["grad"].shape))
    parameter.grad = tensor(given(case)[0])
    torch.nn.utils.clip_grad_value_([parameter], args(case)["clip"])
    close(case, "grad", parameter.grad)


@pytest.mark.parametrize("case", cases("sod_multistep_lr"))
def test_the_learning_rate_of_every_epoch_is_the_published_one(case):
    every, gamma, epochs = (args(case)[name] for name in ("decay_epoch", "gamma", "epochs"))
    decays = [every * count for count in range(1, 7)] + [120]
    schedule = step_decay(decay_steps(decays, steps_per_epoch=3), gamma)
    rate = float(re.search(r"Adam ([\d.e-]+)", what(case))[1])
    close(case, "lr", np.array([rate * schedule(3 * epoch) for epoch in range(epochs)]))
