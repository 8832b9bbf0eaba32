"""The puzzle: what becomes of pieces, when their distance counts, and what does not fit together is said."""

import pytest
import torch

from common.errors import ConfigError, DataError
from common.models.backbones import BackboneConfig, build_backbone
from sod_wsss.puzzle import PuzzleClassifier, PuzzleConfig, PuzzleStep, map_distance, merged, tiled
from tests.dropping import dropped
from tests.initial_values import assert_normal, he_std


def classifier(per_side=2):
    return PuzzleClassifier(build_backbone(BackboneConfig("mobilenet_v2", 16, width=0.25)), 3, per_side)


@pytest.mark.parametrize("per_side", [1, 2, 3])
def test_tiles_put_together_are_the_image(per_side):
    images = torch.randn(2, 3, 12, 18)
    tiles = tiled(images, per_side)
    assert tiles.shape == (2 * per_side**2, 3, 12 // per_side, 18 // per_side)
    assert torch.equal(merged(tiles, per_side), images)


def test_the_tiles_of_one_place_are_neighbours_in_the_batch():
    images = torch.arange(2 * 4 * 4).view(2, 1, 4, 4)
    tiles = tiled(images)
    assert torch.equal(tiles[:2], images[:, :, :2, :2])
    assert torch.equal(tiles[2:4], images[:, :, :2, 2:]) and torch.equal(tiles[4:6], images[:, :, 2:, :2])


def test_odd_sides_are_refused():
    with pytest.raises(
        DataError, match=r"8 x 7 cannot be cut into 2 x 2 equal pieces; give square\.crop_size a multiple of 2"
    ):
        tiled(torch.zeros(1, 3, 8, 7))


def test_maps_of_pieces_that_do_not_fit_are_refused_with_what_to_change():
    with pytest.raises(DataError, match=r"\(3, 3\) and \(4, 4\).*multiple of the backbone's output stride"):
        map_distance(*classifier()(torch.zeros(1, 3, 48, 48)), torch.ones(1, 3))


def test_the_weight_of_the_distance_rises_to_its_greatest_and_stays():
    config = PuzzleConfig(reconstruction=4, rising_share=0.5)
    assert [config.weight(progress) for progress in (0, 0.25, 0.5, 0.75)] == [0, 2, 4, 4]
    assert PuzzleConfig(rising_share=0).weight(0) == 4


def test_the_distance_is_that_of_the_tagged_classes_over_all_elements():
    whole, pieces = torch.zeros(1, 2, 2, 2), torch.full((1, 2, 2, 2), -3.0)
    tags = torch.tensor([[1.0, 0.0]])
    assert map_distance(whole, pieces, tags) == 1.5 and map_distance(whole, pieces, None) == 3
    assert map_distance(whole, pieces, tags, "l2") == 4.5


def test_distance_and_pieces_teach_the_network_besides_the_tags():
    torch.manual_seed(0)
    network = classifier().train()
    batch = {"image": torch.randn(2, 3, 64, 64), "tags": torch.tensor([[1.0, 0, 0], [0, 1, 0]]), "progress": 0.25}
    losses = PuzzleStep(PuzzleConfig())(network, batch)
    assert losses.keys() == {"classification", "pieces", "reconstruction"}
    for loss in losses.values():
        (gradient,) = torch.autograd.grad(loss, network.head.weight, retain_graph=True)
        assert gradient.abs().sum() > 0


def test_the_classifier_starts_with_he_s_weights_by_fan_in_and_drops_nothing():
    torch.manual_seed(0)
    # With so many classes fan-in and fan-out are alike.
    network = PuzzleClassifier(build_backbone(BackboneConfig("mobilenet_v2", 16, width=0.25)), 300)
    assert_normal(network.head.weight, he_std(network.head.weight))
    assert network.head.bias is None and dropped(network.train(), torch.randn(2, 3, 64, 64)) == []


def test_without_pieces_it_is_plain_classification():
    config = PuzzleConfig(pieces=1)
    batch = {"image": torch.randn(2, 3, 33, 33), "tags": torch.zeros(2, 3), "progress": 0.9}
    assert PuzzleStep(config)(classifier(config.per_side), batch).keys() == {"classification"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pieces": 6}, "puzzle.pieces is 6; give 1, 4, 9"),
        ({"reconstruction": -1}, "puzzle.reconstruction is -1"),
        ({"rising_share": 1.5}, "puzzle.rising_share is 1.5"),
    ],
)
def test_settings_without_a_meaning_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        PuzzleConfig(**values)
