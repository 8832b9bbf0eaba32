import numpy as np
import pytest
import torch

from common.errors import ConfigError
from deeplabv2.inference import Squares, largest_label
from deeplabv2.resize import ends_in_zeros, resize_aligned

# Sides for which scipy leaves zeros (sgan spec, section 10, defect 4).
AFFECTED = {
    41: [148, 282, 295],
    49: [188, 274, 276, 280, 288, 298, 306, 312, 316, 326, 332, 342, 348, 352, 354, 370, 375],
    37: [],
}


@pytest.mark.parametrize("positions", AFFECTED)
def test_the_sides_that_scipy_ends_in_zeros(positions):
    assert [side for side in range(positions + 1, 501) if ends_in_zeros(positions, side)] == AFFECTED[positions]


def test_corners_stay_where_they_are():
    maps = torch.arange(12.0).reshape(1, 1, 3, 4)
    resized = resize_aligned(maps, (7, 10))
    assert [resized[0, 0, row, column].item() for row in (0, -1) for column in (0, -1)] == [0, 3, 8, 11]
    torch.testing.assert_close(resized[0, 0, ::3, ::3], maps[0, 0])


def test_zeros_only_where_the_published_edge_is_asked_for():
    ones = torch.ones(1, 1, 41, 41)
    assert (resize_aligned(ones, (148, 282)) == 1).all()
    published = resize_aligned(ones, (148, 200), "published")
    assert not published[:, :, -1].any() and (published[:, :, :-1] == 1).all()
    assert not resize_aligned(ones, (200, 148), "published")[..., -1].any()


def test_a_side_without_pixels_is_an_error():
    with pytest.raises(ConfigError, match=r"test\.squares"):
        Squares("fp32", sides=(321, 0))


def test_a_tag_outweighs_every_probability():
    scores = np.array([[[0.1]], [[0.9]], [[0.0]]], np.float32)
    assert largest_label(scores).item() == 1
    assert largest_label(scores, np.array([0, 1], np.float32)).item() == 0
