"""The distances under saliency against their plain form, which enlarges the maps; who takes part; and the training step."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

from common.engine.losses import Mean
from common.errors import ConfigError
from common.method.plain_cam import classification_loss
from i2crc.losses import RelationConfig, RelationStep, class_agnostic_distance, class_specific_distance, relation_terms
from i2crc.network import CamScores

CLASSES = 4
# Maps and saliency: the training's, odd ones, one row, one position, fewer pixels than positions, as many.
SIZES = [
    ((8, 8), (64, 64)),
    ((9, 7), (33, 41)),
    ((1, 6), (1, 24)),
    ((7, 1), (20, 3)),
    ((1, 1), (5, 7)),
    ((12, 10), (5, 4)),
    ((4, 9), (13, 1)),
    ((6, 5), (6, 5)),
]
MASKS = {
    "soft": lambda noise: noise,
    "binary": lambda noise: (noise > 0.5).double(),
    "empty": torch.zeros_like,
    "full": torch.ones_like,
    "one pixel": lambda noise: torch.zeros_like(noise).index_fill(1, torch.tensor(0), 1).cumsum(2).eq(1).double(),
}


def noise(*shape, seed=0, uniform=False):
    generator = torch.Generator().manual_seed(seed)
    make = torch.rand if uniform else torch.randn
    return make(*shape, generator=generator, dtype=torch.float64)


def plain_distance(maps, mask):
    """The published form: sums over the enlarged maps."""
    enlarged = interpolate(maps, mask.shape[1:], mode="bilinear", align_corners=False)
    area = mask.sum((1, 2))[:, None] + 1e-5
    prototypes = (enlarged * mask[:, None]).sum((2, 3)) / area
    apart = mask[:, None] * (enlarged - prototypes[:, :, None, None])
    return (apart.square().sum((2, 3)) / area).mean(1), prototypes


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(("size", "mask_size"), SIZES)
def test_distance_prototypes_and_gradient_equal_those_of_enlarged_maps(size, mask_size, kind):
    mask = MASKS[kind](noise(2, *mask_size, seed=1, uniform=True))
    maps = noise(2, CLASSES, *size).requires_grad_()
    found, wanted = class_agnostic_distance(maps, mask), plain_distance(maps, mask)
    weights = noise(2), noise(2, CLASSES, seed=2)
    gradients = []
    for computed, plain, weight in zip(found, wanted, weights, strict=True):
        torch.testing.assert_close(computed, plain, rtol=1e-9, atol=1e-12)
        pair = [torch.autograd.grad((one * weight).sum(), maps, retain_graph=True)[0] for one in (computed, plain)]
        gradients.append(pair)
    for computed, plain in gradients:
        torch.testing.assert_close(computed, plain, rtol=1e-9, atol=1e-12)


def test_single_precision_suffices():
    maps, mask = noise(2, CLASSES, 32, 32) + 100, noise(2, 256, 256, uniform=True)
    in_single, _ = class_agnostic_distance(maps.float(), mask.float())
    torch.testing.assert_close(in_single.double(), plain_distance(maps, mask)[0], rtol=1e-4, atol=0)


def test_a_distance_is_never_negative_and_zero_for_constant_maps_under_a_full_mask():
    maps = noise(2, CLASSES, 1, 1).float().expand(2, CLASSES, 5, 6)
    distance, prototypes = class_agnostic_distance(maps, torch.ones(2, 20, 24))
    torch.testing.assert_close(prototypes, maps[..., 0, 0])
    assert (distance >= 0).all() and distance.max() < 1e-10


def test_nothing_under_the_mask_is_no_distance():
    maps = noise(2, CLASSES, 5, 6).float().requires_grad_()
    distance, prototypes = class_agnostic_distance(maps, torch.zeros(2, 20, 24))
    (distance.sum() + prototypes.sum()).backward()
    assert not distance.any() and not prototypes.any() and not maps.grad.any()


# --- Between classes. ---

INSIDE, OUTSIDE = torch.tensor([[3.0, 1.0, 0.0, 9.0]]), torch.tensor([[1.0, 2.0, 0.5, -9.0]])
# Outside minus inside: -2, 1, 0.5, -18.
ONE, TWO = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[1.0, 1, 0, 0]])


@pytest.mark.parametrize(
    ("tags", "divide_by", "margin", "expected"),
    [
        (ONE, "classes", 0, -2 / 4),
        (TWO, "classes", 0, -1 / 4),
        (ONE, "tags", 0, -2),
        (TWO, "tags", 0, -1 / 2),
        # With a margin every tag counts by itself, and those that are far enough apart not at all.
        (ONE, "tags", 3, 1),
        (ONE, "tags", 1, 0),
        (TWO, "tags", 1, 2 / 2),
        (TWO, "classes", 3, (1 + 4) / 4),
    ],
)
def test_only_tagged_classes_count(tags, divide_by, margin, expected):
    assert class_specific_distance(INSIDE, OUTSIDE, tags, divide_by, margin).tolist() == pytest.approx([expected])


def test_beyond_the_margin_nothing_is_learnt():
    inside = torch.full((1, CLASSES), 5.0, requires_grad=True)
    class_specific_distance(inside, torch.zeros(1, CLASSES), TWO, margin=4).sum().backward()
    assert not inside.grad.any()
    class_specific_distance(inside, torch.zeros(1, CLASSES), TWO).sum().backward()
    assert inside.grad.tolist() == [[-0.25, -0.25, 0, 0]]


# --- Who takes part. ---

# No tag, one, one, two, three.
TAGS = torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1]])


def batch_of(tags, side=32):
    count = len(tags)
    saliency = noise(count, side, side, seed=4, uniform=True).float()
    return {"image": torch.zeros(count, 3, side, side), "tags": tags, "saliency": saliency}


@pytest.mark.parametrize(
    ("images_with", "whole", "background"),
    [("single", [1, 2], [1, 2]), ("all", [1, 2, 3, 4], [1, 2, 3, 4]), ("background", [1, 2], [1, 2, 3, 4])],
)
def test_terms_are_those_of_the_images_that_take_part(images_with, whole, background):
    config, maps, batch = RelationConfig(images_with=images_with), noise(5, CLASSES, 4, 4).float(), batch_of(TAGS)
    found = relation_terms(maps, batch["saliency"], TAGS, config)
    within_object, inside = plain_distance(maps[whole], batch["saliency"][whole])
    within_background, _ = plain_distance(maps[background], 1 - batch["saliency"][background])
    _, outside = plain_distance(maps[whole], 1 - batch["saliency"][whole])
    between = ((outside - inside) * TAGS[whole]).sum(1) / CLASSES
    for computed, plain in zip(found, (within_object, within_background, between), strict=True):
        torch.testing.assert_close(computed, plain, rtol=1e-4, atol=1e-6)


class Given(nn.Module):
    """A network whose maps for any image are its parameter."""

    def __init__(self, maps):
        super().__init__()
        self.maps = nn.Parameter(maps)

    def forward(self, images):
        return CamScores(self.maps.mean(dim=(2, 3)), self.maps)


TERMS = ("within_object", "within_background", "between")


@pytest.mark.parametrize("tags", [TAGS[[0, 0]], TAGS[[3, 4]]], ids=["without tags", "several tags each"])
def test_without_an_image_that_takes_part_the_terms_are_zero_and_finite(tags):
    network = Given(noise(2, CLASSES, 4, 4).float())
    losses = RelationStep(RelationConfig())(network, batch_of(tags))
    for name in TERMS:
        assert losses[name].count == 0 and losses[name].total == 0
    sum(losses[name].total for name in TERMS).backward()
    assert not network.maps.grad.any()
    losses["classification"].backward()
    assert torch.isfinite(network.maps.grad).all() and network.maps.grad.any()


def test_the_step_weighs_the_terms_and_counts_the_images():
    config = RelationConfig(object_weight=2, background_weight=3, class_weight=5)
    network, batch = Given(noise(5, CLASSES, 4, 4).float()), batch_of(TAGS)
    losses = RelationStep(config)(network, batch)
    terms = relation_terms(network.maps, batch["saliency"], TAGS, config)
    for name, weight, term in zip(TERMS, (2, 3, 5), terms, strict=True):
        assert isinstance(losses[name], Mean) and losses[name].count == 2
        torch.testing.assert_close(losses[name].total, weight * term.sum())


def test_classification_is_of_all_images():
    network, tags = Given(noise(2, CLASSES, 4, 4).float()), TAGS[[3, 4]]
    (loss,) = RelationStep(RelationConfig(0, 0, 0))(network, {"image": torch.zeros(2, 3, 8, 8), "tags": tags}).values()
    probability = network.maps.mean(dim=(2, 3)).sigmoid()
    plain = -(tags * probability.log() + (1 - tags) * (1 - probability).log()).mean()
    torch.testing.assert_close(loss, plain)


def test_without_weights_saliency_is_not_needed():
    batch = batch_of(TAGS)
    del batch["saliency"]
    network = Given(noise(5, CLASSES, 4, 4).float())
    assert RelationStep(RelationConfig(0, 0, 0))(network, batch).keys() == {"classification"}
    with pytest.raises(KeyError):
        RelationStep(RelationConfig(0, 0, 0.1))(network, batch)


def test_losses_stay_in_single_precision_under_autocast():
    rounded, batch = Given(noise(5, CLASSES, 4, 4).bfloat16()), batch_of(TAGS)
    step = RelationStep(RelationConfig())
    with torch.autocast("cpu", torch.bfloat16):
        found = step(rounded, batch)
    wanted = step(Given(rounded.maps.detach().float()), batch)
    for name in TERMS:
        assert found[name].total.dtype == torch.float32
        torch.testing.assert_close(found[name].total, wanted[name].total, rtol=1e-6, atol=0)
    logits = rounded.maps.mean(dim=(2, 3)).float()
    torch.testing.assert_close(found["classification"], classification_loss(logits, TAGS), rtol=1e-6, atol=0)


@pytest.mark.parametrize("changes", [{"object_weight": -0.1}, {"class_weight": -1.0}, {"margin": -1.0}])
def test_negative_weights_and_margins_are_refused(changes):
    with pytest.raises(ConfigError, match=rf"relation\.{next(iter(changes))} is -.*; give a number from 0 to"):
        RelationConfig(**changes)


def test_the_published_weights_are_the_defaults():
    config = RelationConfig()
    assert math.isclose(config.object_weight, 0.01) and math.isclose(config.background_weight, 0.025)
    assert (config.class_weight, config.images_with, config.divide_by, config.margin) == (0.1, "single", "classes", 0)
