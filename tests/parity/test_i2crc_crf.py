"""Probabilities, labels after the CRF and scores equal the published ones, with the image minus its mean and with the true one."""

import numpy as np
import pytest

from common.crf.inference import dense_crf
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_probabilities
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores, published_json
from deeplabv2.crf import ImageCrf, mean_subtracted
from deeplabv2.inference import WholeImages, largest_label
from deeplabv2.settings import DeepLabConfig
from tests.parity.i2crc_cases import args, cases, check, expected, given

MEAN_BGR = DeepLabConfig().image.mean.bgr
INPUT_IMAGES = cases("crf_input")
CONSTANTS = ("pos_xy_std", "pos_w", "bi_xy_std", "bi_rgb_std", "bi_w", "iter_max")


def crf_settings(case):
    return CrfSettings(*(args(case)[name] for name in CONSTANTS))


@pytest.mark.parametrize("case", [case for case in cases("crf_") if case not in INPUT_IMAGES])
def test_probabilities_after_the_crf(case):
    bgr, probabilities = given(case)
    q = dense_crf(bgr, unary_from_probabilities(probabilities), crf_settings(case))
    check(case, {"argmax": q.argmax(0), "prob_slice": q})


@pytest.mark.parametrize("case", cases("crf_voc"))
def test_constants_are_deeplabs(case):
    assert crf_settings(case) == PRESETS["deeplab"]


@pytest.mark.parametrize("case", INPUT_IMAGES)
def test_image_minus_its_mean(case):
    # The rule gives rows and columns: every grey level once in every channel.
    shape = expected(case)["image"].shape
    levels = np.broadcast_to(np.arange(shape[0], dtype=np.uint8)[:, None], shape)
    check(case, {"image": mean_subtracted(levels, MEAN_BGR)})


def probabilities_of(case):
    """Image in RGB order, ground truth and enlarged probabilities of a case of stored logits."""
    bgr, truth, logits = given(case)
    assert bgr.shape[:2] == (args(case)["height"], args(case)["width"])
    return bgr[..., ::-1], truth, WholeImages("fp32").probabilities([logits], bgr.shape[:2])


def refined(rgb, probabilities, image):
    return largest_label(ImageCrf(PRESETS["deeplab"], image, MEAN_BGR)(rgb, probabilities))


@pytest.mark.parametrize("case", cases("trainaug_pred"))
def test_labels_of_stored_logits(case):
    rgb, _, probabilities = probabilities_of(case)
    computed = {
        "label": refined(rgb, probabilities, "mean_subtracted"),
        "label_repaired": refined(rgb, probabilities, "original"),
        "label_no_crf": largest_label(probabilities),
    }
    check(case, computed)


def named(matrix):
    """Scores under their published names."""
    scores = published_json(compute_scores(matrix))
    scores["Class IoU"] = list(scores["Class IoU"].values())
    return {name.replace(" ", "_"): score for name, score in scores.items()}


@pytest.mark.parametrize("case", cases("scores_crf"))
def test_scores_after_the_crf(case):
    total = 0
    for image_case in cases("trainaug_pred"):
        rgb, truth, probabilities = probabilities_of(image_case)
        n_labels = len(probabilities)
        total = total + confusion_matrix(truth, refined(rgb, probabilities, "mean_subtracted"), n_labels)
    check(case, named(total))


@pytest.mark.parametrize("case", [case for case in cases("scores") if not case.startswith("scores_crf")])
def test_scores(case):
    truth, predicted, mixed = given(case)
    predictions = np.where((mixed > 0) & (truth != 255), truth, predicted)
    pairs = zip(truth, predictions, strict=True)
    check(case, named(sum(confusion_matrix(*pair, args(case)["n_class"]) for pair in pairs)))
