import numpy as np
import pytest
from scipy import ndimage

from common.data.zoom import zoom_linear, zoom_nearest
from common.errors import DataError

# Sides at which rounding puts the last of the enlarged positions of 41 maps beyond the edge.
BEYOND = (148, 282, 295)


def test_corners_stay_corners():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    resized = zoom_linear(array, (7, 9))
    assert [resized[0, 0], resized[0, -1], resized[-1, 0], resized[-1, -1]] == [0, 3, 8, 11]


def test_whole_numbers_are_rounded_half_up():
    assert zoom_linear(np.array([[0, 1]], np.uint8), (1, 3)).tolist() == [[0, 1, 1]]


def published(array, size, order):
    factors = [wanted / length for wanted, length in zip(size, array.shape[:2], strict=True)] + [1] * (array.ndim - 2)
    return ndimage.zoom(array, factors, order=order)


@pytest.mark.parametrize("shape", [(41, 41), (13, 29, 3), (60, 17), (1, 5)])
@pytest.mark.parametrize("size", [(41, 41), (148, 50), (20, 33), (7, 90)])
def test_every_number_is_scipy_s(shape, size):
    """Whole grey levels too, whose halves are rounded as the order of products and sums leaves them."""
    rng = np.random.default_rng(0)
    grey_levels = rng.integers(0, 256, shape).astype(np.uint8)
    for array in (grey_levels, grey_levels // 85, rng.standard_normal(shape)):
        np.testing.assert_array_equal(zoom_linear(array, size, repaired=False), published(array, size, 1))
    np.testing.assert_array_equal(zoom_nearest(grey_levels, size, repaired=False), published(grey_levels, size, 0))


def test_the_own_size_changes_nothing():
    array = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(zoom_linear(array, (4, 5)), array)
    assert np.array_equal(zoom_nearest(array, (4, 5)), array)


@pytest.mark.parametrize("side", BEYOND)
def test_the_published_zeros_come_only_when_asked_for(side):
    maps = np.ones((41, 41), np.uint8)
    assert zoom_nearest(maps, (side, 50)).all()
    published = zoom_nearest(maps, (side, 50), repaired=False)
    assert not published[-1].any()
    assert published[:-1].all()


def test_the_network_s_own_sizes_are_not_affected():
    for side in range(30, 1025):
        image = np.ones((side, 1), np.uint8)
        assert zoom_nearest(image, (321, 1), repaired=False).all()


def test_an_empty_image_is_an_error():
    with pytest.raises(DataError, match="cannot resize 0"):
        zoom_linear(np.zeros((0, 3)), (4, 4))
