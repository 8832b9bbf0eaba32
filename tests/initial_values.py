"""How the weights of a new layer are spread."""

import math

import pytest


def fans(weight):
    """Fan-in and fan-out of a weight K x C (x k x k)."""
    field = math.prod(weight.shape[2:])
    return weight.shape[1] * field, weight.shape[0] * field


def assert_normal(weight, std):
    """Normal with mean 0 and this standard deviation, as far as so many numbers can tell."""
    count = weight.numel()
    assert weight.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * count))
    assert abs(weight.mean().item()) < 4 * std / math.sqrt(count)
    # Uniform numbers end at 1.73 times their deviation.
    assert weight.abs().max() > 2.2 * std


def assert_uniform(weight, bound):
    """Uniform from -bound to bound: everything lies inside, and near both ends there is something."""
    assert weight.abs().max() <= bound * (1 + 1e-6)
    margin = bound * (1 - 20 / weight.numel())
    assert weight.max() > margin and weight.min() < -margin


def xavier_bound(weight, gain=1.0):
    return gain * math.sqrt(6 / sum(fans(weight)))


def he_std(weight):
    """He's deviation for a ReLU, by fan-in."""
    return math.sqrt(2 / fans(weight)[0])


def assert_default(layer):
    """A convolution or linear layer as PyTorch makes it."""
    bound = 1 / math.sqrt(fans(layer.weight)[0])
    assert_uniform(layer.weight, bound)
    if layer.bias is not None:
        assert layer.bias.any() and layer.bias.abs().max() <= bound
