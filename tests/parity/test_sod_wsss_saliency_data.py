"""What the saliency network sees of an image, and what is written of its output, against the published numbers."""

import numpy as np
import pytest
import torch
from PIL import Image

from sod_wsss.saliency_data import COLOUR_DRAWS, crop_region, enhance_colours, saliency_tensors, turned
from sod_wsss.saliency_losses import soften_edges
from tests.parity.sod_wsss_cases import args, cases, close, expected, given


def picture(case):
    return Image.fromarray(given(case)[0])


def mask(case):
    """The mask of a case: (label % 2) * 255."""
    assert args(case)["mask"] == "(label % 2) * 255, uint8"
    return Image.fromarray((given(case)[1] % 2 * 255).astype(np.uint8))


@pytest.mark.parametrize("case", cases("sod_crop_region"))
def test_the_crop_lies_where_the_published_one_does(case):
    table = expected(case)["table"]
    close(case, "table", np.array([[*row[:4], *crop_region(*map(int, row[:4]))] for row in table]))


@pytest.mark.parametrize("case", cases("sod_color_enhance"))
def test_colours_change_as_published(case):
    close(case, "image", np.array(enhance_colours(picture(case), args(case)["draws"])))
    close(case, "ranges", np.array(COLOUR_DRAWS))


@pytest.mark.parametrize("case", cases("sod_rotation"))
def test_pictures_are_rotated_as_published(case):
    close(case, "image", np.array(turned(picture(case), args(case)["angle"])))
    close(case, "mask", np.array(turned(mask(case), args(case)["angle"])))


@pytest.mark.parametrize("case", cases("sod_tensors"))
def test_the_tensors_are_the_published_ones(case):
    pictures = {"image": picture(case), "saliency": mask(case), "edge": mask(case)}
    made = saliency_tensors(pictures, args(case)["size"])
    close(case, "rgb", made["image"])
    close(case, "gt_train", made["saliency"])
    close(case, "texture", made["edge"])
    close(case, "gt_val", saliency_tensors(pictures, args(case)["size"], validation=True)["saliency"])
    torch.testing.assert_close(made["edge"], soften_edges(made["saliency"][None])[0])
