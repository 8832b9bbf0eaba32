import numpy as np
import torch

from common.crf.inference import dense_crf
from common.crf.unary import unary_from_negated
from deeplabv2.seed_losses import floored_softmax, log_refined_probabilities, refined_probabilities, training_crf

GENERATOR = torch.Generator().manual_seed(0)
PROBABILITIES = floored_softmax(4 * torch.randn(2, 3, 6, 7, generator=GENERATOR))
IMAGES = torch.randint(0, 256, (2, 6, 7, 3), generator=GENERATOR).byte()


def test_the_probabilities_themselves_are_the_negative_energies():
    refined = refined_probabilities(PROBABILITIES, IMAGES, floor=1e-9)
    wanted = dense_crf(IMAGES[1].numpy(), unary_from_negated(PROBABILITIES[1].numpy()), training_crf())
    np.testing.assert_allclose(refined[1], wanted, atol=1e-6)


def test_refined_probabilities_have_a_floor_and_the_sum_one():
    refined = refined_probabilities(PROBABILITIES, IMAGES)
    torch.testing.assert_close(refined.sum(1), torch.ones(2, 6, 7))
    assert refined.min() > 0.99e-4


def test_the_gradient_is_that_of_the_logarithm_times_one_minus_q():
    probabilities = PROBABILITIES.clone().requires_grad_()
    log_q = log_refined_probabilities(probabilities, IMAGES)
    from_above = torch.randn(log_q.shape, generator=GENERATOR)
    (gradient,) = torch.autograd.grad(log_q, probabilities, from_above)
    torch.testing.assert_close(gradient, (1 - log_q.exp()) * from_above)


def test_probabilities_stay_as_they_are():
    before = PROBABILITIES.clone()
    log_refined_probabilities(PROBABILITIES, IMAGES)
    assert torch.equal(PROBABILITIES, before)


def test_a_network_gone_wrong_gives_a_loss_that_says_so():
    broken = torch.full_like(PROBABILITIES, torch.nan)
    assert log_refined_probabilities(broken, IMAGES).isnan().all()
    # One number is enough: the CRF would refuse it without naming step and images.
    partly = PROBABILITIES.clone()
    partly[1, 0, 2, 3] = torch.nan
    assert log_refined_probabilities(partly, IMAGES)[1, 0, 2, 3].isnan()
