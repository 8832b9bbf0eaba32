"""Saliency maps of a trained network: their size and range, stretching, and the mirror image."""

import numpy as np
import pytest
import torch
from torch import nn

from common.errors import NonFiniteError
from sod_wsss.saliency_stages import SaliencyMaps, map_of_logits

SIDE = 8


class BrightLeft(nn.Module):
    """A network whose logits are what it sees in red, and 1 more in the left half whatever it sees."""

    def saliency(self, images):
        logits = images[:, :1].clone()
        logits[..., : SIDE // 2] += 1
        return logits


def samples(*sizes):
    generator = torch.Generator().manual_seed(0)
    return [{"image": torch.randn(3, SIDE, SIDE, generator=generator), "size": size} for size in sizes]


def maps_of(*sizes, min_max=False, mirrored=False, network=None):
    maps = SaliencyMaps(network or BrightLeft(), torch.device("cpu"), min_max, mirrored)
    return maps(samples(*sizes))


def test_maps_have_the_sizes_of_their_files():
    sizes = [(20, 33), (1, 5), (8, 8), (40, 3)]
    maps = maps_of(*sizes)
    assert [one.shape for one in maps] == sizes
    assert {one.dtype for one in maps} == {np.dtype(np.float32)}


def test_a_map_is_the_probability_of_the_finest_map():
    (saliency,) = maps_of((SIDE, SIDE))
    red = samples((SIDE, SIDE))[0]["image"][0]
    np.testing.assert_allclose(saliency[:, SIDE // 2 :], red[:, SIDE // 2 :].sigmoid(), rtol=1e-5)


def test_a_mirrored_pass_makes_the_network_blind_to_sides():
    """The network sees more on the left; the mean with the mirror image sees half as much more on both sides."""
    (saliency,) = maps_of((SIDE, SIDE), mirrored=True)
    red = samples((SIDE, SIDE))[0]["image"][0]
    np.testing.assert_allclose(saliency, (red + 0.5).sigmoid(), rtol=1e-5)


@pytest.mark.parametrize("size", [(20, 33), (5, 4)])
def test_a_stretched_map_goes_from_0_to_1_however_weak_it_is(size):
    logits = torch.linspace(-8, -6, 16).reshape(1, 1, 4, 4)
    (plain,), (stretched,) = (map_of_logits(logits, size, min_max) for min_max in (False, True))
    assert plain.max() < 0.01
    assert stretched.min() == 0
    assert stretched.max().item() == pytest.approx(1, abs=1e-4)
    assert torch.equal(plain.flatten().argsort(stable=True), stretched.flatten().argsort(stable=True))


def test_numbers_that_are_none_are_an_error():
    class Broken(BrightLeft):
        def saliency(self, images):
            return super().saliency(images * float("nan"))

    with pytest.raises(NonFiniteError, match="NaN"):
        maps_of((4, 4), network=Broken())
