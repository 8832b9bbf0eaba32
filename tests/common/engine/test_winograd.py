"""Trainings with ``winograd``: the same as others but for rounding, and as repeatable."""

import pytest
import torch
from torch import nn

from common.models import winograd
from common.models.winograd import TrainedWinogradConv2d
from tests.common.engine import tiny_training
from tests.common.engine.tiny_training import TinyNetwork, final_bytes, final_weights, logged, run_tiny


class WideNetwork(TinyNetwork):
    """The tiny network with a convolution that is wide enough; its images suffice in full batches."""

    def __init__(self, noisy):
        super().__init__(noisy)
        self.body = nn.Sequential(
            nn.Conv2d(3, 128, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(128, 128, 3, padding=1, bias=not noisy),
            nn.BatchNorm2d(128) if noisy else nn.Identity(),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(128, 2, 1)


@pytest.fixture(autouse=True)
def wide_network(monkeypatch):
    monkeypatch.setattr(tiny_training, "TinyNetwork", WideNetwork)


@pytest.fixture
def convolutions(monkeypatch):
    """The sizes of the images that were convolved by points."""
    sizes, original = [], winograd.learning_convolution

    def noted(images, *arguments):
        sizes.append(tuple(images.shape))
        return original(images, *arguments)

    monkeypatch.setattr(winograd, "learning_convolution", noted)
    return sizes


def losses(folder):
    return torch.tensor([[record["pixels"], record["tags"]] for record in logged(folder)])


def test_the_losses_are_those_of_the_direct_convolutions(tmp_path, convolutions):
    run_tiny(tmp_path / "direct", noisy=False, log_every=1, channels_last=True)
    assert not convolutions
    run_tiny(tmp_path / "points", noisy=False, log_every=1, channels_last=True, winograd=True)
    assert (4, 128, 16, 20) in convolutions
    torch.testing.assert_close(losses(tmp_path / "points"), losses(tmp_path / "direct"), rtol=1e-3, atol=0)
    direct, points = (final_weights(tmp_path / name) for name in ("direct", "points"))
    assert points.keys() == direct.keys()
    assert not all(torch.equal(points[name], direct[name]) for name in direct)


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_same_bits_twice_and_after_a_stop(tmp_path, convolutions, channels_last):
    options = {"winograd": True, "channels_last": channels_last}
    run_tiny(tmp_path / "once", **options)
    assert (4, 128, 12, 12) in convolutions
    run_tiny(tmp_path / "again", **options)
    run_tiny(tmp_path / "stopped", **options, stop_at=3)
    run_tiny(tmp_path / "stopped", **options)
    for name in ("again", "stopped"):
        assert final_bytes(tmp_path / name) == final_bytes(tmp_path / "once"), name
        assert logged(tmp_path / name) == logged(tmp_path / "once"), name


def test_with_bf16_the_convolutions_are_the_ordinary_ones(tmp_path, convolutions):
    run_tiny(tmp_path / "switched", precision="bf16", winograd=True, max_steps=2)
    run_tiny(tmp_path / "plain", precision="bf16", max_steps=2)
    assert not convolutions
    switched, plain = (final_weights(tmp_path / name, 2) for name in ("switched", "plain"))
    assert all(torch.equal(switched[name], plain[name]) for name in plain)


def test_without_the_setting_no_convolution_is_exchanged(tmp_path, monkeypatch):
    kinds, step = set(), tiny_training.TinyStep.__call__

    def recorded(self, network, batch):
        kinds.update(type(layer) for layer in network.modules())
        return step(self, network, batch)

    monkeypatch.setattr(tiny_training.TinyStep, "__call__", recorded)
    run_tiny(tmp_path / "off", max_steps=1)
    assert TrainedWinogradConv2d not in kinds
    run_tiny(tmp_path / "on", max_steps=1, winograd=True)
    assert TrainedWinogradConv2d in kinds
