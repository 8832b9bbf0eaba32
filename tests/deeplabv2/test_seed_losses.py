import pytest
import torch

from deeplabv2.seed_losses import (
    balanced_seed_loss,
    constrain_loss,
    floored_softmax,
    one_hot_seeds,
    plain_seed_loss,
)

LOGITS = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 3


def test_probabilities_have_a_floor_and_the_sum_one():
    probabilities = floored_softmax(100 * LOGITS)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 4, 5))
    assert probabilities.min() >= 9.9e-5


def test_an_unlabelled_position_has_no_seed():
    seeds = one_hot_seeds(torch.tensor([[[0, 2, 3]]]), 3)
    assert seeds[0, :, 0].T.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_background_and_foreground_weigh_the_same_whatever_their_number():
    labels = torch.zeros(1, 4, 5, dtype=torch.int64)
    labels[0, 0, 0] = 1
    probabilities = torch.tensor([0.5, 0.25, 0.25])[None, :, None, None].expand(1, 3, 4, 5)
    loss = balanced_seed_loss(probabilities, one_hot_seeds(labels, 3))
    torch.testing.assert_close(loss, -(torch.tensor(0.5).log() + torch.tensor(0.25).log()))
    plain = plain_seed_loss(probabilities, one_hot_seeds(labels, 3))
    torch.testing.assert_close(plain, -(19 * torch.tensor(0.5).log() + torch.tensor(0.25).log()) / 20)


@pytest.mark.parametrize("loss", [balanced_seed_loss, plain_seed_loss])
def test_images_without_seeds_count_nothing_and_halve_the_mean(loss):
    labels = torch.randint(0, 3, (2, 4, 5), generator=torch.Generator().manual_seed(0))
    probabilities = floored_softmax(LOGITS).requires_grad_()
    seeds = one_hot_seeds(labels, 3)
    alone = loss(probabilities[:1], seeds[:1])
    seeds[1] = 0
    both = loss(probabilities, seeds)
    torch.testing.assert_close(both, alone / 2)
    (gradient,) = torch.autograd.grad(both, probabilities)
    assert not gradient[1].any() and torch.isfinite(gradient).all()


def test_a_network_that_agrees_with_its_refinement_loses_nothing():
    probabilities = floored_softmax(LOGITS)
    assert constrain_loss(probabilities, probabilities.log()).abs() < 1e-6


def test_the_ratio_is_bounded_and_a_bound_has_no_gradient():
    probabilities = torch.tensor([0.999, 0.001])[None, :, None, None].requires_grad_()
    refined = torch.tensor([0.001, 0.999])[None, :, None, None]
    loss = constrain_loss(probabilities, refined.log())
    torch.testing.assert_close(
        loss.item(), (0.999 * torch.tensor(20.0).log() + 0.001 * torch.tensor(0.05).log()).item()
    )
    assert not torch.autograd.grad(loss, probabilities)[0].any()
