"""What EPS and SMAF minimise, on maps small enough to follow by hand."""

from types import SimpleNamespace

import pytest
import torch

from smaf.losses import (
    EpsStep,
    SelfTrainingStep,
    attention_target,
    estimate_saliency,
    probabilities_at,
    saliency_loss,
    salient_attention,
    self_training_loss,
    tagged_attention,
)
from smaf.network import MapScores

LEFT, RIGHT = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
SURE = 20.0


def maps_of(*planes):
    """Maps 1 x K x 1 x 2 that are sure of a class where its plane is 1."""
    return SURE * torch.stack(planes)[None]


def estimate(tags, saliency=LEFT, tau=0.4, lam=0.5, maps=None):
    """Of an image whose left half is class 0 and whose right half is class 1."""
    maps = maps_of(LEFT, RIGHT, torch.zeros(1, 2)) if maps is None else maps
    return estimate_saliency(maps, saliency[None, None], torch.tensor([tags]), tau, lam)


def test_a_tagged_class_inside_the_salient_region_is_foreground_and_one_outside_joins_the_background():
    found = estimate([1.0, 1.0])
    torch.testing.assert_close(found.foreground[0, 0], LEFT, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.background[0, 0], LEFT, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.saliency[0, 0], LEFT, atol=1e-6, rtol=0)


def test_a_class_that_is_not_among_the_tags_is_neither():
    found = estimate([0.0, 1.0])
    assert found.foreground.abs().max() < 1e-6
    torch.testing.assert_close(found.background[0, 0], LEFT, atol=1e-6, rtol=0)


def test_the_share_of_a_map_must_exceed_the_threshold():
    # Both halves are of class 0, of which the left one is salient: half of its pixels.
    maps = maps_of(torch.ones(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    # 1e-4 per pixel is added to the number of pixels, so that the share is a little below 0.5.
    assert estimate([1.0, 0.0], tau=0.5, maps=maps).foreground.sum() == 0
    assert estimate([1.0, 0.0], tau=0.49, maps=maps).foreground.sum() > 1.9


def test_the_weight_is_that_of_the_estimate_from_the_foreground():
    # Of the tagged class, of the other one, which is neither salient nor background, and of the background.
    maps = torch.tensor([[0.6, 0.3, 0.1]]).log()[:, :, None, None].expand(1, 3, 1, 2)
    found = [float(estimate([1.0, 0.0], lam=lam, maps=maps).saliency[0, 0, 0, 0]) for lam in (0.0, 0.5, 1.0)]
    assert found == pytest.approx([0.9, 0.75, 0.6])


def test_saliency_is_compared_at_the_size_of_the_maps_without_averaging():
    saliency = torch.tensor([[0.9, 0.1, 0.3, 0.2]] * 2)
    assert estimate([1.0, 1.0], saliency).target.flatten().tolist() == pytest.approx([0.9, 0.3])


def test_the_gradient_passes_through_the_maps_and_not_through_the_choice_of_classes():
    maps = torch.zeros(1, 3, 1, 2, requires_grad=True)
    saliency_loss(maps, LEFT[None, None], torch.tensor([[1.0, 0.0]]), 0.4, 0.5).backward()
    assert maps.grad.abs().sum() > 0 and torch.isfinite(maps.grad).all()


def test_an_image_without_any_tag_has_a_loss():
    assert torch.isfinite(saliency_loss(torch.zeros(1, 3, 1, 2), LEFT[None, None], torch.zeros(1, 2), 0.4, 0.5))


def test_maps_of_other_classes_are_removed_from_the_target():
    attention = torch.full((1, 2, 1, 1), 0.7)
    assert tagged_attention(attention, torch.tensor([[0.0, 1.0]])).flatten().tolist() == pytest.approx([0.0, 0.7])


@pytest.mark.parametrize(
    ("attention", "expected"),
    [
        ([0.8, 0.4], [1.0, 0.5, 0.25]),
        ([0.1, 0.05], [0.5, 0.25, 1.0]),
        ([0.2, 0.0], [1.0, 0.0, 1.0]),
        ([0.0, 0.0], [0.0, 0.0, 1.0]),
    ],
)
def test_the_strongest_of_classes_and_floor_is_one(attention, expected):
    target = attention_target(torch.tensor(attention)[None, :, None, None], 0.2)
    assert target.flatten().tolist() == pytest.approx(expected)


def test_a_pixel_in_which_nothing_is_left_stays_zero():
    target = attention_target(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, 1))
    assert target.flatten().tolist() == [0, 0, 0]


def test_saliency_moves_the_strongest_map_by_its_weight_and_the_others_in_proportion():
    denoised = torch.tensor([[[[0.8, 0.4, 0.0]], [[0.2, 0.6, 0.0]]]])
    # Enlarged with aligned corners to 0.2, 0.5, 0.8.
    saliency = torch.tensor([[[[0.2, 0.8]]]])
    strongest = [0.25 * 0.2 + 0.75 * 0.8, 0.25 * 0.5 + 0.75 * 0.6, 0]
    found = salient_attention(denoised, saliency, 0.25)[0, :, 0]
    assert found.amax(0).tolist() == pytest.approx(strongest)
    assert found[1].tolist() == pytest.approx([strongest[0] * 0.2 / 0.8, strongest[1], 0])
    assert found[0, 1].item() == pytest.approx(strongest[1] * 0.4 / 0.6)


def test_the_teacher_weighs_the_targets_of_the_classes_and_of_the_background():
    maps, attention = torch.randn(1, 3, 1, 2), torch.tensor([[[[0.9, 0.3]], [[0.5, 0.5]]]])
    weights = torch.tensor([0.5, 0.25, 0.75])[None, :, None, None].expand(1, 3, 1, 2)
    asked = []

    class Weighing:
        def weights(self, network, images, tags, size):
            asked.append((network, tags.tolist(), tuple(size)))
            return weights

    rectified = SimpleNamespace(teacher=Weighing())
    loss = SelfTrainingStep(0.2, rectified=rectified)(Fixed(maps), batch(attention=attention))["attention"]
    # The second class is not among the tags.
    scores = torch.tensor([[0.45, 0.15], [0, 0], [0.15, 0.15]])
    target = (scores / scores.amax(0))[None, :, None]
    torch.testing.assert_close(loss, 100 * (maps.softmax(1) - target).square().mean())
    assert asked == [(rectified, [[1.0, 0.0]], (1, 2))]


def test_maps_are_enlarged_before_the_softmax():
    maps = torch.tensor([[[[4.0, -4.0]], [[0.0, 0.0]]]])
    middle = probabilities_at(maps, torch.Size((1, 3)))[0, :, 0, 1]
    assert middle.tolist() == pytest.approx([0.5, 0.5])


def test_the_loss_is_a_hundred_times_the_mean_square():
    target = torch.tensor([0.0, 1.0, 1.0])[None, :, None, None]
    maps = maps_of(*(torch.zeros(1, 1),) * 3)
    assert float(self_training_loss(maps, target)) == pytest.approx(100 * (1 / 9 + 4 / 9 + 4 / 9) / 3)


class Fixed(torch.nn.Module):
    """Gives the same maps for any image."""

    def __init__(self, maps):
        super().__init__()
        self.maps = maps

    def forward(self, images):
        return MapScores(self.maps.mean((2, 3))[:, :-1], self.maps, self.maps)


def batch(**more):
    return {"image": torch.zeros(1, 3, 8, 16), "tags": torch.tensor([[1.0, 0.0]]), **more}


def test_the_baseline_has_no_saliency_loss_and_needs_no_saliency():
    network = Fixed(maps_of(LEFT, RIGHT, torch.zeros(1, 2)))
    assert EpsStep(False, 0.4, 0.5)(network, batch()).keys() == {"classification"}
    losses = EpsStep(True, 0.4, 0.5)(network, batch(saliency=LEFT[None, None], tags=torch.ones(1, 2)))
    assert losses.keys() == {"classification", "saliency"} and losses["saliency"] < 1e-6


def test_the_step_of_the_self_training_has_one_loss_against_tagged_maps():
    network = Fixed(maps_of(LEFT, RIGHT, torch.zeros(1, 2)))
    # The map of the class without tag would fit the network; the target has the background in its place.
    attention = torch.stack([LEFT, RIGHT])[None]
    (name, loss), *others = SelfTrainingStep(0.2)(network, batch(attention=attention)).items()
    target = attention_target(tagged_attention(attention, torch.tensor([[1.0, 0.0]])), 0.2)
    assert name == "attention" and not others
    assert float(loss) == pytest.approx(float(self_training_loss(network.maps, target))) and loss > 1


def test_saliency_takes_part_in_the_targets_where_the_settings_say_so():
    network, attention = Fixed(maps_of(LEFT, RIGHT, torch.zeros(1, 2))), torch.stack([LEFT, RIGHT])[None]
    given = batch(attention=attention, saliency=torch.tensor([[0.0, 1.0]])[None, None])
    plain, weighted = (float(SelfTrainingStep(0.2, weight)(network, given)["attention"]) for weight in (0.0, 0.5))
    assert plain != weighted
