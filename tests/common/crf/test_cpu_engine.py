"""The order in which the engine visits pixels."""

import numpy as np
import pytest

from common.crf.cpu_engine import visiting_order


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (37, 45)])
def test_every_pixel_is_visited_once(size):
    np.testing.assert_array_equal(np.sort(visiting_order(size)), np.arange(size[0] * size[1]))


def test_squares_are_finished_one_after_the_other():
    rows, columns = np.divmod(visiting_order((64, 64)), 64)
    for length in (8, 16, 32):
        squares = (rows // length * 64 + columns // length).reshape(-1, length * length)
        assert (squares == squares[:, :1]).all()
