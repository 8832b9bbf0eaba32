import pytest
import torch
from torch import nn

from deeplabv2.networks.deeplab import MSC, elementwise_maximum
from deeplabv2.resize import resize_by


class Sizes(nn.Module):
    """Logits at an eighth of the size, in which each input size is a number of its own."""

    def forward(self, images):
        return nn.functional.avg_pool2d(images, 8, ceil_mode=True)


@pytest.mark.parametrize("scales", [[0.5, 0.75], [0.5], [1.5, 0.3, 2.0], []])
def test_training_gives_every_map_at_its_own_size_and_the_maximum_at_the_first(scales):
    images = torch.randn(2, 3, 65, 49)
    maps = MSC(Sizes(), scales).train()(images)
    sizes = [tuple(-(-int(side * scale) // 8) for side in (65, 49)) for scale in (1, *scales)]
    assert [tuple(output.shape[2:]) for output in maps] == sizes + sizes[:1] * bool(scales)


@pytest.mark.parametrize("scales", [[0.5, 0.75], []])
def test_eval_gives_the_last_training_map(scales):
    network, images = MSC(Sizes(), scales), torch.randn(1, 3, 64, 40)
    assert torch.equal(network.eval()(images), network.train()(images)[-1])


def test_the_maximum_is_at_least_every_map_of_its_size():
    first, other = torch.randn(1, 4, 6, 5), torch.randn(1, 4, 3, 3)
    maximum = elementwise_maximum(first, [other])
    assert bool((maximum >= first).all())
    assert not torch.equal(maximum, first)


def test_the_gradient_of_the_maximum_goes_to_the_winner_and_of_a_tie_to_the_first():
    first, other = torch.tensor([[[[1.0, 5.0, 2.0]]]]), torch.tensor([[[[3.0, 4.0, 2.0]]]])
    first.requires_grad_()
    other.requires_grad_()
    gradients = torch.autograd.grad(elementwise_maximum(first, [other]).sum(), [first, other])
    assert [gradient.flatten().tolist() for gradient in gradients] == [[0, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize(("side", "differs"), [(64, False), (65, True)])
def test_resize_conventions_differ_where_the_size_is_no_whole_number(side, differs):
    images = torch.randn(1, 1, side, side)
    current, recomputed = (resize_by(images, 0.75, convention) for convention in ("current", "recomputed"))
    assert current.shape == recomputed.shape == (1, 1, 48, 48)
    assert torch.allclose(current, recomputed, atol=1e-6) is not differs
