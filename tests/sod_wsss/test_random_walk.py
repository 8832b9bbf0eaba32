"""The random walk: as the power of the whole matrix, up to edges, and the image's maps at its own size afterwards."""

import numpy as np
import pytest
import torch
from torch import nn

from common.cam.random_walk_maps import RandomWalkMaps, write_affinity
from common.errors import ConfigError, DataError, NonFiniteError
from sod_wsss.random_walk import WalkConfig, WalkInference, WalkLoader, propagate, transition_matrix, whole_size


class Edges(nn.Module):
    """Logits of a vertical line at a quarter of the image's size; the mean of the image moves them all."""

    def forward(self, images):
        logits = images.new_full((len(images), 1, images.shape[2] // 4, images.shape[3] // 4), -9.0)
        logits[..., 4] = 9
        return logits


def test_small_steps_lead_where_the_power_of_the_whole_matrix_does():
    torch.manual_seed(0)
    edges, maps = torch.rand(7, 9), torch.rand(3, 7, 9)
    matrix = transition_matrix(edges, 4, 3.0).to_dense().double()
    assert torch.allclose(matrix.sum(1), torch.ones(63, dtype=torch.float64))
    power = torch.linalg.matrix_power(matrix, 2**6)
    expected = ((maps * (1 - edges)).flatten(1).double() @ power.T).view(3, 7, 9)
    torch.testing.assert_close(propagate(maps, edges, 4, 3.0, 6).double(), expected, rtol=1e-4, atol=1e-6)


def test_nothing_is_carried_over_an_edge():
    edges, maps = torch.zeros(8, 12), torch.zeros(1, 8, 12)
    edges[:, 6], maps[:, 2:4, 1:3] = 1, 1
    walked = propagate(maps, edges)[0]
    assert (walked[:, :6] > 0.01).all() and (walked[:, 7:] == 0).all()


def test_one_row_and_no_map_are_walked_too():
    assert propagate(torch.ones(2, 1, 5), torch.zeros(1, 5)).shape == (2, 1, 5)
    assert propagate(torch.zeros(0, 4, 5), torch.zeros(4, 5)).shape == (0, 4, 5)


def test_maps_come_back_at_the_image_s_size_divided_by_the_maximum_of_all():
    maps = torch.rand(2, 3, 4)
    whole = whole_size(maps, (10, 13))
    assert whole.shape == (2, 10, 13) and whole.max() == 1 and (whole[0].max() < 1 or whole[1].max() < 1)
    assert whole_size(torch.zeros(1, 3, 4), (10, 13)).max() == 0
    with pytest.raises(NonFiniteError, match="check AffinityNet's training"):
        whole_size(torch.full((1, 3, 4), float("nan")), (10, 13))


class Images:
    def read(self, image_id):
        return {"id": image_id, "image": np.full((30, 45, 3), 200, np.uint8), "tags": np.array([0, 1])}


def maps_in(folder, size=(30, 45), classes=1):
    quarter = [(side - 1) // 4 + 1 for side in size]
    maps = RandomWalkMaps(np.arange(classes), *(np.ones((classes, *sides), np.float32) for sides in (quarter, size)))
    write_affinity(folder / "one.npy", maps)


@pytest.mark.parametrize(("side", "expected"), [(0, (32, 48)), (40, (40, 48)), (64, (64, 64))])
def test_images_are_padded_with_the_mean_colour_below_and_to_the_right(tmp_path, side, expected):
    maps_in(tmp_path)
    sample = WalkLoader(Images(), tmp_path, side)("one")
    assert sample["image"].shape[1:] == expected and sample["size"] == (30, 45)
    assert (sample["image"][:, :30, :45] != 0).all()
    assert (sample["image"][:, 30:] == 0).all() and (sample["image"][:, :, 45:] == 0).all()


@pytest.mark.parametrize("size", [(32, 48), (16, 16), (48, 64)])
def test_a_side_that_is_a_multiple_of_16_is_not_padded(tmp_path, size):
    class Whole:
        def read(self, image_id):
            return {"image": np.full((*size, 3), 200, np.uint8)}

    maps_in(tmp_path, size)
    assert WalkLoader(Whole(), tmp_path, 0)("one")["image"].shape[1:] == size
    assert WalkLoader(Whole(), tmp_path, size[1])("one")["image"].shape[2] == size[1]


def test_maps_stop_at_the_edges_of_the_image_and_of_its_mirror(tmp_path):
    maps_in(tmp_path)
    load = WalkLoader(Images(), tmp_path, 0)
    (cams,) = WalkInference(Edges(), WalkConfig(padded_side=0), torch.device("cpu"))([load("one")])
    assert cams.keys.tolist() == [0] and cams.maps.shape == (1, 30, 45)
    # Edges of the mirror image (width 12) lie in column 7: there both halve.
    edges = WalkInference(Edges(), WalkConfig(), torch.device("cpu")).edges(torch.zeros(1, 3, 32, 48))[0]
    torch.testing.assert_close(edges[0, [3, 4, 7, 8]], torch.sigmoid(torch.tensor([-9.0, 0, 0, -9])))


def test_an_image_without_tags_has_no_maps_afterwards(tmp_path):
    maps_in(tmp_path, classes=0)
    (cams,) = WalkInference(Edges(), WalkConfig(), torch.device("cpu"))([WalkLoader(Images(), tmp_path, 0)("one")])
    assert cams.maps.shape == (0, 30, 45)


def test_maps_of_another_size_than_the_image_are_refused(tmp_path):
    maps_in(tmp_path, (30, 44))
    with pytest.raises(DataError, match=r"one: the image is \(30, 45\), its maps are \(30, 44\)"):
        WalkLoader(Images(), tmp_path, 0)("one")


def test_settings_without_a_meaning_are_refused():
    for values, message in (
        ({"radius": 1}, "radius is 1"),
        ({"beta": 0}, "beta is 0"),
        ({"exponent": 20}, "exponent is 20; give a whole number from 0 to 16"),
    ):
        with pytest.raises(ConfigError, match=message):
            WalkConfig(**values)
