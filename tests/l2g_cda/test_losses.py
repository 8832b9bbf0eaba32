import pytest
import torch

from common.errors import ConfigError
from l2g_cda.losses import L2GLoss, aligned_probabilities, local_target

CLASSES, BACKGROUND = 2, 2


def maps_of(*channels):
    """One patch of 1 x n pixels from its channels."""
    return torch.tensor(channels, dtype=torch.float32)[None, :, None, :]


def target_of(maps, tags=(1, 1), saliency=None, threshold=0.001, background="indicator"):
    saliency = torch.ones(1, 1, *maps.shape[2:]) if saliency is None else saliency
    return local_target(maps, torch.tensor([tags], dtype=torch.float32), saliency, threshold, background)[0, :, 0]


def test_the_largest_relative_score_wins():
    target = target_of(maps_of([4, 1, 0], [2, 2, 0], [0, 0, 1]), saliency=torch.tensor([[[[1.0, 1.0, 0.0]]]]))
    assert target.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_a_tie_goes_to_the_lowest_class():
    assert target_of(maps_of([1, 1], [1, 1], [1, 1])).argmax(0).tolist() == [0, 0]


def test_a_class_without_tag_never_wins_and_the_background_needs_none():
    target = target_of(maps_of([9, 9], [1, 1], [0, 1]), tags=(0, 1), saliency=torch.zeros(1, 1, 1, 2) + 0.25)
    assert target[0].tolist() == [0, 0]
    assert target_of(maps_of([0], [0], [1]), tags=(0, 0), saliency=torch.zeros(1, 1, 1, 1))[BACKGROUND].item() == 1


def test_values_are_saliency_and_its_complement():
    saliency = torch.tensor([[[[0.25, 0.25]]]])
    target = target_of(maps_of([1, 0], [0, 0], [0, 1]), saliency=saliency)
    assert target.tolist() == [[0.25, 0], [0, 0], [0, 0.75]]


@pytest.mark.parametrize("value", [-3.0, 0.0])
def test_without_a_positive_score_there_is_no_target(value):
    assert target_of(maps_of([value], [value], [value])).sum() == 0


def test_winners_at_or_below_the_threshold_are_no_target():
    target = target_of(maps_of([10, 1], [0, 0], [0, 0]), threshold=0.5)
    assert target[0].tolist() == [1, 0]


def test_cocos_background_keeps_its_value():
    maps, saliency = maps_of([0, 0], [0, 0], [4, 1]), torch.zeros(1, 1, 1, 2)
    assert target_of(maps, saliency=saliency, threshold=0.5, background="value")[BACKGROUND].tolist() == [1, 0.25]
    assert target_of(maps, saliency=saliency, threshold=0.5)[BACKGROUND].tolist() == [1, 0]


def test_no_gradient_reaches_the_local_maps():
    maps = maps_of([1.0], [0.5], [0.1]).requires_grad_()
    assert not target_of(maps).requires_grad


def test_a_box_of_the_whole_view_aligns_to_the_map_itself():
    maps = torch.randn(2, 3, 4, 4)
    boxes = torch.tensor([[1, 0, 0, 32, 32]])
    constant = torch.ones(2, 3, 4, 4) * torch.randn(2, 3, 1, 1)
    aligned = aligned_probabilities(constant, boxes, (4, 4), stride=8)
    torch.testing.assert_close(aligned, constant[1:].softmax(1))
    assert aligned_probabilities(maps, boxes, (3, 5), stride=8).shape == (1, 3, 3, 5)


@pytest.mark.parametrize("settings", [{"background_threshold": 1.5}, {"distillation_weight": -1.0}])
def test_losses_that_make_no_sense_are_an_error(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        L2GLoss(**settings)
