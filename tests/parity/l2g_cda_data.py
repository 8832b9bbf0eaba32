"""Inputs of the golden cases of the data half of l2g_cda, by the rules of the manifest, and the stored numbers."""

import random

import numpy as np
from PIL import Image

from tests.parity.fill import filled_input
from tests.parity.l2g_cda_cases import GOLDEN


def stored(topic, prefix=""):
    """The arrays of a topic whose name begins with ``prefix``, by the rest of their name."""
    with np.load(GOLDEN / f"{topic}.npz") as arrays:
        return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}


def picture(name, height, width, channels=None):
    """The manifest's ``S(name, h, w[, c])``."""
    shape = (max(2, height // 8), max(2, width // 8), *([channels] if channels else []))
    small = filled_input(name, shape, 0, 256).astype(np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))


def ellipse(height, width, centre, radii):
    y, x = np.mgrid[:height, :width]
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 <= 1


class TwoStreams(random.Random):
    """The published draws: boxes from numpy's legacy generator, everything else from Python's.

    Args:
        numpy_seed: of the boxes; one call gives (y, x) of a box.
        n_boxes: boxes that are drawn at random, before everything else.
        room: their exclusive upper bound.
        python_seed: of all later draws.
    """

    def __init__(self, numpy_seed, n_boxes, room, python_seed=0):
        super().__init__(python_seed)
        legacy = np.random.RandomState(numpy_seed)
        self.room = room
        self.box_draws = [int(value) for _ in range(n_boxes) for value in legacy.randint(0, room, size=2)]

    def randrange(self, start, stop=None, step=1):
        if self.box_draws:
            assert (start, stop) == (self.room, None)
            return self.box_draws.pop(0)
        return super().randrange(start, stop, step)


class Scripted:
    """A random state that draws what a case lists, and checks the bounds it is asked for."""

    def __init__(self, draws):
        self.draws = list(draws)

    def random(self):
        kind, value = self.draws.pop(0)
        assert kind == "random"
        return value

    def randint(self, low, high):
        kind, expected_low, expected_high, value = self.draws.pop(0)
        assert (kind, expected_low, expected_high) == ("randint", low, high)
        return value
