import numpy as np
import pytest
import torch
from PIL import Image

from common.errors import ConfigError
from deeplabv2.losses import (
    balanced_cross_entropy,
    cross_entropy,
    focal_loss,
    map_loss,
    pyramid_losses,
    self_training_labels,
)
from deeplabv2.resize import nearest_positions, resize_labels

LOSSES = ["ce", "balanced_ce", "focal", "self_training"]


@pytest.fixture
def logits():
    return torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()


def value(losses):
    """What the training loop makes of the terms: a term without pixels counts 0."""
    return sum(term.total / max(float(term.count), 1) for term in losses.values())


def labels_of(number):
    return torch.full((2, 10, 12), number)


def tags():
    return torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("loss", LOSSES[:3])
def test_a_batch_without_a_label_has_loss_0_and_gradient_0(logits, loss):
    total = value(pyramid_losses([logits], labels_of(255), map_loss(loss, focal_gamma=2)))
    (gradient,) = torch.autograd.grad(total, logits)
    assert total.item() == 0
    assert torch.equal(gradient, torch.zeros_like(logits))


@pytest.mark.parametrize("number", [0, 2])
def test_the_balanced_loss_drops_the_side_that_is_empty(logits, number):
    losses = pyramid_losses([logits], labels_of(number), map_loss("balanced_ce"))
    plain = pyramid_losses([logits], labels_of(number), map_loss("ce"))
    assert value(losses).item() == pytest.approx(0.5 * value(plain).item())
    assert torch.isfinite(torch.autograd.grad(value(losses), logits)[0]).all()


def test_the_balanced_loss_weighs_background_and_foreground_alike(logits):
    labels = torch.zeros(2, 5, 6, dtype=torch.int64)
    labels[0, 0, :2], labels[1, 0, 0] = 3, 255
    background, foreground = balanced_cross_entropy(logits, labels)
    assert (background.count, foreground.count) == (60 - 3, 2)
    pixels = torch.nn.functional.cross_entropy(logits, labels, ignore_index=255, reduction="none")
    wanted = (pixels[labels == 0].mean() + pixels[labels == 3].mean()) / 2
    total = background.total / background.count + foreground.total / foreground.count
    torch.testing.assert_close(total, wanted)


def test_the_focal_loss_is_cross_entropy_times_the_valid_share(logits):
    labels = torch.zeros(2, 5, 6, dtype=torch.int64)
    labels[:, :2] = 255
    plain, focal = cross_entropy(logits, labels), focal_loss(logits, labels)
    assert focal.count == labels.numel()
    torch.testing.assert_close(focal.total, plain.total)
    assert focal_loss(logits, labels, gamma=2).total < focal.total


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_focal_loss_of_a_certain_network_has_a_finite_gradient(gamma):
    logits = torch.zeros(1, 2, 1, 1)
    logits[:, 0] = 200
    logits.requires_grad_()
    labels = torch.zeros(1, 1, 1, dtype=torch.int64)
    (gradient,) = torch.autograd.grad(focal_loss(logits, labels, gamma).total, logits)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_the_networks_own_labels_are_classes_of_the_image_even_where_these_are_negative():
    logits = torch.full((1, 3, 1, 1), -1.0)
    logits[0, 0] = -2
    present = torch.tensor([[1.0, 1.0, 0.0]])
    assert self_training_labels(logits, present).item() == 1
    assert self_training_labels(logits, present, multiply=True).item() == 2


def test_the_self_training_loss_adds_the_networks_own_labels(logits):
    losses = pyramid_losses([logits], labels_of(255), map_loss("self_training"), tags=tags())
    assert list(losses) == ["map0", "map0_own"]
    assert float(losses["map0"].count) == 0
    assert float(losses["map0_own"].count) == 60
    with pytest.raises(ConfigError, match="tags"):
        pyramid_losses([logits], labels_of(0), map_loss("self_training"))


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_works_on_every_map_at_either_size(logits, loss):
    maps = [logits, logits[:, :, :3, :3]]
    for at_image_size, pixels in ((False, [60, 18]), (True, [240, 240])):
        losses = pyramid_losses(maps, labels_of(1), map_loss(loss), at_image_size, tags())
        for number, count in enumerate(pixels):
            counts = [float(term.count) for name, term in losses.items() if name.startswith(f"map{number}")]
            assert max(counts) == count
        assert torch.isfinite(value(losses))


def test_positions_are_pillows_for_every_pair_of_sizes():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 600, 400)
    for length, new_length in zip(lengths, rng.integers(1, 120, 400), strict=True):
        row = Image.fromarray(np.arange(length, dtype=np.float32)[None])
        wanted = np.asarray(row.resize((int(new_length), 1), Image.Resampling.NEAREST))[0]
        np.testing.assert_array_equal(nearest_positions(int(length), int(new_length)), wanted)


def test_labels_are_reduced_to_height_and_width_in_this_order():
    labels = torch.arange(6 * 9).reshape(1, 6, 9)
    assert torch.equal(resize_labels(labels, (2, 3)), labels[:, [1, 4]][:, :, [1, 4, 7]])
