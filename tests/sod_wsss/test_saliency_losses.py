"""The losses of the saliency network beside the stored numbers: their ranges, what they are largest for, and the step."""

import pytest
import torch
from torch import nn

from sod_wsss.saliency_losses import (
    SaliencyStep,
    boundary_of,
    dice_loss,
    edge_loss,
    soften_edges,
    structure_loss,
    supervision,
)
from sod_wsss.saliency_network import SaliencyScores

SIDE = 32


def box(first=8, last=24, side=SIDE):
    target = torch.zeros(2, 1, side, side)
    target[:, :, first:last, first:last] = 1
    return target


def logits_of(target, certainty=20.0):
    """Logits of a network that is sure of a target."""
    return (2 * target - 1) * certainty


LOSSES = {
    "structure": structure_loss,
    "repaired": lambda logits, target: structure_loss(logits, target, "repaired"),
    "dice": dice_loss,
    "edge": lambda logits, target: edge_loss(logits, target, True),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_zero_where_all_is_right_and_grows_with_what_is_wrong(name):
    losses = [LOSSES[name](logits_of(box(8, last)), box()).item() for last in (24, 20, 12)]
    assert losses[0] == pytest.approx(0, abs=1e-4)
    assert losses == sorted(losses)
    assert losses[2] > 0.3


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("height_width", [(1, 40), (40, 1), (33, 47), (2, 2)])
def test_a_loss_and_its_gradient_are_finite_at_every_size(name, height_width):
    for target in (torch.zeros(1, 1, *height_width), torch.ones(1, 1, *height_width)):
        logits = torch.randn(1, 1, *height_width, generator=torch.Generator().manual_seed(0)).requires_grad_()
        LOSSES[name](logits, target).backward()
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("weighting", "larger"), [("original", False), ("repaired", True)])
def test_only_the_repaired_cross_entropy_counts_pixels_at_the_boundary_more(weighting, larger):
    """Of one wrong pixel, once at the boundary and once far from it, the IoU's share is taken away."""

    def of_wrong_pixel(row):
        logits = logits_of(target)
        logits[:, :, row, 32] *= -1
        return structure_loss(logits, target, weighting) - iou_part(logits, target)

    target = box(32, 64, side=96)
    at_boundary, far = of_wrong_pixel(33), of_wrong_pixel(48)
    assert (at_boundary > far + 1e-3) == larger


def iou_part(logits, target):
    """The IoU term of the structure loss: what is left of it when the pixels' cross-entropy is that of PyTorch."""
    return structure_loss(logits, target) - nn.functional.binary_cross_entropy_with_logits(logits, target)


def test_maps_of_one_size_add_their_losses():
    maps = [logits_of(box(8, last)) for last in (24, 20, 16)]
    torch.testing.assert_close(supervision(maps, box()), sum(structure_loss(one, box()) for one in maps))


def test_each_map_of_a_pyramid_sees_the_mask_at_its_own_size():
    maps = [logits_of(box()), logits_of(box(4, 12, 16)), logits_of(box(2, 6, 8))]
    assert supervision(maps, box()).item() == pytest.approx(0, abs=1e-4)


def test_the_boundary_lies_on_both_sides_of_an_edge_and_nowhere_else():
    edges = boundary_of(box())[0, 0]
    assert edges.unique().tolist() == [0, 1]
    assert edges[10:22, 7].all() and edges[10:22, 8].all()
    assert not edges[10:22, 10:22].any() and not edges[:6].any()
    assert not boundary_of(torch.ones(1, 1, 9, 9)).any()


def test_softened_edges_are_wider_and_stay_in_their_range():
    edges = torch.zeros(1, 1, 9, 9)
    edges[..., 4, 4] = 1
    soft = soften_edges(edges)[0, 0]
    reached = soft > 0
    assert reached[2:7, 2:7].all() and reached.sum() == 25
    assert soft.max() == soft[4, 4] == 1


class Given(nn.Module):
    """A network that gives what it is made with."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, images):
        return self.scores


@pytest.mark.parametrize(
    ("edges", "with_bce"), [("boundary", False), ("texture", True), ("none", None)], ids=["dice", "with BCE", "none"]
)
def test_the_step_has_a_loss_of_the_maps_and_of_the_edges_it_learns(edges, with_bce):
    scores = SaliencyScores([logits_of(box(8, 20))] * 4, logits_of(box(10, 22)))
    batch = {"image": torch.zeros(2, 3, SIDE, SIDE), "saliency": box(), "edge": box()}
    losses = SaliencyStep("original", edges)(Given(scores), batch)
    torch.testing.assert_close(losses["saliency"], 4 * structure_loss(scores.maps[0], box()))
    if with_bce is None:
        assert set(losses) == {"saliency"}
    else:
        torch.testing.assert_close(losses["edge"], edge_loss(scores.edge, box(), with_bce))
