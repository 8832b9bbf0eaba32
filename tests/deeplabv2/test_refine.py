"""The CRF of a configuration: its image, its constants, its description."""

import numpy as np
import pytest

from common.crf.inference import dense_crf, resolve_engine
from common.crf.unary import unary_from_probabilities
from deeplabv2.crf import image_crf, mean_subtracted
from deeplabv2.inference import WholeImages
from deeplabv2.settings import CrfConfig, DeepLabConfig


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)


@pytest.fixture
def probabilities():
    logits = np.random.default_rng(1).normal(size=(3, 5, 6)).astype(np.float32)
    return WholeImages("fp32").probabilities([logits], (20, 24))


def test_probabilities_are_those_of_the_enlarged_logits(probabilities):
    assert probabilities.shape == (3, 20, 24)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(0), 1, rtol=1e-5)


def test_the_published_image_is_cut_to_whole_numbers_modulo_256():
    grey = np.array([[[104, 116, 122], [105, 118, 123], [0, 0, 0], [255, 255, 255]]], np.uint8)
    # -0.008, -0.669 and -0.675 become 0, 0.992 and 1.331 become 0 and 1, -104.008 becomes 256 - 104.
    expected = [[[0, 0, 0], [0, 1, 0], [152, 140, 134], [150, 138, 132]]]
    assert mean_subtracted(grey, (104.008, 116.669, 122.675)).tolist() == expected


def test_the_crf_sees_bgr_and_the_image_that_was_chosen(image, probabilities):
    config = DeepLabConfig()
    unary = unary_from_probabilities(probabilities)
    bgr = np.ascontiguousarray(image[..., ::-1])
    seen = {"original": bgr, "rgb": image, "mean_subtracted": mean_subtracted(bgr, (104.008, 116.669, 122.675))}
    for name, as_seen in seen.items():
        config.crf = CrfConfig(image=name)
        expected = dense_crf(as_seen, unary, config.crf.settings)
        np.testing.assert_array_equal(image_crf(config)(image, probabilities), expected)


def test_the_record_holds_what_the_result_depends_on():
    record = image_crf(DeepLabConfig()).record()
    assert record["bilateral_sxy"] == 67
    assert (record["image"], record["mean"], record["engine"]) == ("original", None, resolve_engine("auto"))


@pytest.mark.parametrize(
    ("crf", "name"),
    [
        (CrfConfig(), "deeplab: position 1/3"),
        (CrfConfig(gaussian_sxy=3, bilateral_sxy=121, bilateral_srgb=5), "deeplab_largefov: position 3/3"),
        (CrfConfig(gaussian_sxy=2, gaussian_compat=2, bilateral_sxy=65), "deeplab_vgg: position 2/2"),
        (CrfConfig(iterations=3), "own: position 1/3"),
        (
            CrfConfig(gaussian_sxy=3, bilateral_sxy=80, bilateral_srgb=13, bilateral_compat=10, image="rgb"),
            "sec: position 3/3",
        ),
    ],
)
def test_the_description_names_the_preset_that_the_constants_are(crf, name):
    assert image_crf(DeepLabConfig(crf=crf)).describe().startswith(name)
