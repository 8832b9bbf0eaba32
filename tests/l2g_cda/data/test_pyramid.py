"""The inputs of inference come in pairs of an image and its mirror."""

import numpy as np
import pytest
import torch

from l2g_cda.data.pyramid import multi_scale


def test_each_scale_is_followed_by_its_mirror():
    image = np.random.default_rng(0).integers(0, 256, (11, 14, 3)).astype(np.uint8)
    inputs = multi_scale(image, (0.5, 1.0))
    assert [tuple(one.shape) for one in inputs] == [(3, 6, 7), (3, 6, 7), (3, 11, 14), (3, 11, 14)]
    assert all(torch.equal(one, mirrored.flip(-1)) for one, mirrored in zip(inputs[::2], inputs[1::2], strict=True))


@pytest.mark.parametrize(("name", "mean"), [("imagenet", 0.485), ("coco", 0.471)])
def test_the_normalisation_is_the_one_asked_for(name, mean):
    red = multi_scale(np.zeros((4, 4, 3), np.uint8), (1.0,), name)[0][0]
    assert red.max() < 0 and red[0, 0].item() == pytest.approx(-mean / {"imagenet": 0.229, "coco": 0.234}[name])


def test_a_tiny_image_keeps_a_pixel():
    assert multi_scale(np.zeros((1, 1, 3), np.uint8), (0.25,))[0].shape == (3, 1, 1)
