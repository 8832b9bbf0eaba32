"""Scores of PNGs, and of the validation in training, equal the published ones."""

import re

import numpy as np
import pytest
import torch

from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from smaf.evaluation import scores_of_labelled
from smaf.settings import SmafSettings
from smaf.validation import ValidationInference
from tests.parity.smaf_cases import (
    CASES,
    args,
    cases,
    check,
    entry,
    expected,
    given,
    network_that_gives,
    tensor,
    value,
)

STRIDE = 8


def replaced(labels, rule):
    """Labels with the replacements that a rule names, in its order; and the label that stands for "ignored"."""
    changes = re.findall(r"(>= )?(\d+) (?:becomes?|->) (\d+)", rule)
    for bound, old, new in changes:
        labels = np.where(labels >= int(old) if bound else labels == int(old), int(new), labels)
    ignored = [int(new) for bound, _, new in changes if bound]
    return labels, ignored[0] if ignored else 255


def n_labels_of(case):
    return CASES[case]["arrays"]["hist"]["shape"][0]


@pytest.mark.parametrize("case", cases("iou_metric"))
def test_scores_of_pngs(case):
    truth, ignored = replaced(given(case, ".gt"), entry(case, ".gt")[1]["rule"])
    mixed = np.where(given(case, ".same") > 0, truth, given(case, ".pred"))
    prediction, _ = replaced(mixed, CASES[case]["inputs"][-1]["rule"])
    matrix = sum(confusion_matrix(*pair, n_labels_of(case), ignored) for pair in zip(truth, prediction, strict=True))
    scores = scores_of_labelled(matrix)
    computed = {
        "hist": matrix[:, :-1],
        "acc": scores.pixel_accuracy,
        "recall": scores.class_recall,
        "precision": scores.class_precision,
        "iu": scores.class_iou,
        "miou": scores.mean_iou,
        "fwavacc": scores.frequency_weighted_iou,
        "mean_precision": np.nanmean(scores.class_precision),
        "mean_recall": np.nanmean(scores.class_recall),
    }
    check(case, computed)


def named(matrix):
    """The scores of a running sum under their published names."""
    scores = compute_scores(matrix, over="all")
    return {
        "hist": matrix[:, :-1],
        "iu": scores.class_iou,
        "miou": scores.mean_iou,
        "acc": scores.pixel_accuracy,
        "mean_acc": scores.mean_accuracy,
        "fwavacc": scores.frequency_weighted_iou,
    }


@pytest.mark.parametrize("case", cases("running_score"))
def test_scores_of_a_running_sum(case):
    truth, ignored = replaced(given(case, ".gt"), entry(case, ".gt")[1]["rule"])
    pairs = zip(truth, given(case, ".pred"), strict=True)
    check(case, named(sum(confusion_matrix(*pair, n_labels_of(case), ignored) for pair in pairs)))


def validated_image(case, number, described):
    """Truth and predicted label map of one image of the validation."""
    size, labels = (described["h"], described["w"]), described["labels"]
    name, maps = entry(case, ".cam.{i}")
    shape = [int(re.search(r"of shape \(1,(\d+),", maps["rule"])[1]), *(-(-side // STRIDE) for side in size)]
    logits = tensor(value(name.format(i=number), [1, *shape], maps["rule"])[0])
    image = torch.zeros(3, *size)
    inference = ValidationInference(network_that_gives([(image, logits)]), one_pass(), torch.device("cpu"))
    (prediction,) = inference([{"keys": np.sort(labels), "size": size, "pyramid": [image]}])
    drawn = value(entry(case, ".gt.{i}")[0].format(i=number), size, entry(case, ".gt.{i}")[1]["rule"])
    truth = np.where(np.isin(drawn, (2, 4)), 1 + labels[0], np.where(drawn == 3, 1 + labels[-1], 0))
    return truth, prediction


def one_pass():
    config = SmafSettings().cam
    config.scales, config.flip = [1.0], False
    return config


@pytest.mark.parametrize("case", cases("validate"))
def test_validation(case):
    pairs = [validated_image(case, *numbered) for numbered in enumerate(args(case)["images"])]
    matrix, wanted = sum(confusion_matrix(*pair, n_labels_of(case)) for pair in pairs), expected(case)
    # Pixels may move at borders, which would show in the scores: these are of the stored counts.
    stored = np.pad(wanted["hist"].astype(np.int64), ((0, 0), (0, 1)))
    computed = {name: score for name, score in named(stored).items() if name in wanted}
    check(case, {**computed, "hist": matrix[:, :-1]})
