"""Objects and samples for the tests of pasting."""

import numpy as np

from l2g_cda.objects import Foreground


def foreground(number=0, height=8, width=6, colour=200, saliency=255):
    """A rectangle of one colour, all of it object."""
    image = np.full((height, width, 3), colour, np.uint8)
    own = None if saliency is None else np.full((height, width), saliency, np.uint8)
    return Foreground(image, np.full((height, width), number + 1, np.uint8), own)


def sample(tags, height=40, width=40, saliency=0):
    """A grey image of which every pixel has this saliency."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[..., 0] = 10
    return {
        "id": "one",
        "image": image,
        "saliency": np.full((height, width), saliency, np.uint8),
        "tags": np.asarray(tags, np.float32),
    }


def covered(placement, shape):
    """bool H x W for an image of this shape: the pixels that a placed object replaces."""
    pixels = np.zeros(shape, bool)
    pixels[placement.box] = placement.mask
    return pixels
