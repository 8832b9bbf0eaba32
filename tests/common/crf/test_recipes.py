"""Every use of the CRF in the reference repositories."""

import dataclasses

import numpy as np
import pytest

from common.crf.recipes import RECIPES, crf_recipe
from common.errors import ConfigError

PROBABILITIES = np.array([[[0.5, 0.0]], [[0.25, 1.0]]], np.float32)

# Rows of the table of the specification, section 12.2: position sxy, compat; colour sxy, srgb, compat; iterations.
TABLE = {
    "deeplab": (1, 3, 67, 3, 4, 10),
    "drs": (1, 3, 67, 3, 4, 10),
    "l2g_resnet_v1": (3, 3, 121, 5, 4, 10),
    "l2g_vgg_v1": (3, 3, 121, 5, 4, 10),
    "l2g_vgg_v2": (2, 2, 65, 3, 4, 10),
    "smaf": (3, 3, 50, 5, 10, 10),
    "smaf_cam": (3, 3, 80, 13, 10, 10),
    "eps": (3, 3, 80, 13, 10, 10),
    "eps_paper": (1, 3, 67, 3, 4, 10),
    "irn_label": (3, 3, 50, 5, 10, 10),
    "puzzlecam_label": (3, 3, 50, 5, 10, 1),
    "cam_picture": (3, 3, 80, 13, 10, 1),
    "sgan": (3, 3, 80, 13, 10, 10),
    "sgan_training": (0.25, 3, 80 / 12, 13, 10, 10),
    "sgan_expansion": (0.25, 3, 80 / 12, 13, 10, 10),
    "dsrg_tools": (3, 3, 49, 5, 4, 10),
    "dsrg_postprocess": (0.5, 3, 80 / 6, 13, 10, 10),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_has_the_constants_of_the_table(name):
    assert dataclasses.astuple(crf_recipe(name).settings) == pytest.approx(TABLE[name])


def test_images_enter_as_bgr_where_the_published_code_reads_them_so():
    """The column "image given" of the same table; where it is "as given" there, it is RGB here."""
    in_bgr = {name for name, recipe in RECIPES.items() if recipe.channels == "BGR"}
    assert in_bgr == {
        *("deeplab", "deeplab_crf_command", "drs", "l2g_resnet_v1", "l2g_vgg_v1", "l2g_vgg_v2"),
        *("sgan_training", "sgan_expansion", "dsrg_postprocess"),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deeplab", [-np.log([0.5, 1e-5]), -np.log([0.25, 1])]),
        ("sgan_training", [[-0.5, -1e-4], [-0.25, -1]]),
        ("sgan_boundary", [[-0.5, 0], [-0.25, -1]]),
    ],
)
def test_energies_are_made_as_the_recipe_says(name, expected):
    np.testing.assert_allclose(crf_recipe(name).energies(PROBABILITIES)[:, 0], expected, rtol=1e-6)


def test_hard_labels_are_trusted_as_the_recipe_says():
    energies = crf_recipe("irn_label").label_energies(np.array([[0, 1]]), 2)
    np.testing.assert_allclose(energies[:, 0], -np.log([[0.7, 0.3], [0.3, 0.7]]), rtol=1e-6)


def test_the_image_is_turned_to_the_order_of_the_recipe():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(crf_recipe("deeplab").image(image), image[..., ::-1])
    np.testing.assert_array_equal(crf_recipe("irn_label").image(image), image)


def test_energies_of_the_wrong_kind_are_an_error():
    with pytest.raises(ConfigError, match="starts from hard labels"):
        crf_recipe("irn_label").energies(PROBABILITIES)
    with pytest.raises(ConfigError, match="starts from probabilities"):
        crf_recipe("deeplab").label_energies(np.zeros((2, 2), int), 2)


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(ConfigError, match="use one of deeplab, .*irn_label"):
        crf_recipe("deeplap")
    assert len(RECIPES) > 20
