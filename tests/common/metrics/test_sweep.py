"""Every background threshold from one pass must equal the plain argmax at that threshold."""

import numpy as np
import pytest

from common.errors import ConfigError, DataError
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores, restrict_truth
from common.metrics.sweep import CamSample, sweep_background_threshold, threshold_matrices
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import pseudo_label

THRESHOLDS = [round(0.05 * step, 2) for step in range(1, 15)]
N_LABELS = 5


def make_samples(dtype):
    """Maps on a coarse grid that contains the thresholds, so that ties with them and among classes are frequent."""
    rng = np.random.default_rng(3)
    samples = {}
    for name, keys in (("a", [0, 2, 3]), ("b", [1]), ("none", []), ("c", [3, 1])):
        truth = rng.integers(0, N_LABELS, (12, 15), np.uint8)
        truth[0] = 255
        maps = (rng.integers(0, 21, (len(keys), 12, 15)) * np.float32(0.05)).astype(dtype)
        maps[:, 5:8] = np.asarray(THRESHOLDS, np.float32)[rng.integers(0, len(THRESHOLDS), (len(keys), 3, 15))]
        samples[name] = CamSample(truth, np.array(keys, np.int64), maps)
    return samples


def naive_matrix(samples, threshold):
    matrix = np.zeros((N_LABELS, N_LABELS + 1), np.int64)
    for sample in samples.values():
        background = np.full((1, *sample.truth.shape), threshold, np.float32)
        winner = np.concatenate([background, sample.maps.astype(np.float32)]).argmax(axis=0)
        labels = np.concatenate([[0], sample.keys + 1])
        matrix += confusion_matrix(sample.truth, labels[winner], N_LABELS)
    return matrix


def test_every_matrix_is_that_of_the_plain_argmax():
    samples = make_samples(np.float32)
    matrices = threshold_matrices(samples.__getitem__, list(samples), THRESHOLDS, N_LABELS, workers=1)
    for threshold, matrix in zip(THRESHOLDS, matrices, strict=True):
        np.testing.assert_array_equal(matrix, naive_matrix(samples, threshold))


@pytest.mark.parametrize("ignored", [2, 77])
def test_the_ignored_label_may_be_another(ignored):
    samples = make_samples(np.float32)
    others = {
        name: CamSample(np.where(sample.truth == 255, ignored, sample.truth).astype(np.uint8), sample.keys, sample.maps)
        for name, sample in samples.items()
    }
    if ignored < N_LABELS:
        samples = {
            name: CamSample(np.where(sample.truth == ignored, 255, sample.truth), sample.keys, sample.maps)
            for name, sample in samples.items()
        }
    names = list(samples)
    found = threshold_matrices(others.__getitem__, names, THRESHOLDS, N_LABELS, ignore_label=ignored)
    wanted = threshold_matrices(samples.__getitem__, names, THRESHOLDS, N_LABELS)
    for matrix, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(matrix, other)
    sweep = sweep_background_threshold(others.__getitem__, names, THRESHOLDS, N_LABELS, ignore_label=ignored)
    plain = sweep_background_threshold(samples.__getitem__, names, THRESHOLDS, N_LABELS)
    # Of a class that is ignored everywhere there are scores that are no numbers.
    assert [scores.mean_iou for scores in sweep.scores] == [scores.mean_iou for scores in plain.scores]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_threshold_equals_the_argmax_at_that_threshold(dtype):
    samples = make_samples(dtype)
    sweep = sweep_background_threshold(samples.__getitem__, list(samples), THRESHOLDS, N_LABELS)
    assert sweep.thresholds == tuple(THRESHOLDS)
    assert sweep.n_images == 4
    for threshold, scores in zip(sweep.thresholds, sweep.scores, strict=True):
        assert scores == compute_scores(naive_matrix(samples, threshold))


def test_sweep_agrees_with_the_pseudo_labels_that_are_written_at_the_chosen_threshold():
    samples = make_samples(np.float16)
    sweep = sweep_background_threshold(samples.__getitem__, list(samples), THRESHOLDS, N_LABELS)
    matrix = sum(
        confusion_matrix(
            sample.truth,
            pseudo_label(sample.maps, sample.keys, constant(sweep.thresholds[sweep.best], sample.truth.shape)),
            N_LABELS,
        )
        for sample in samples.values()
    )
    assert compute_scores(matrix) == sweep.scores[sweep.best]


def test_best_threshold_has_the_largest_mean_iou():
    truth = np.array([[0, 0, 1, 1]], np.uint8)
    maps = np.array([[[0.1, 0.3, 0.5, 0.9]]], np.float32)
    sample = CamSample(truth, np.array([0]), maps)
    sweep = sweep_background_threshold(lambda _: sample, ["x"], [0.05, 0.2, 0.3, 0.4, 0.6], 2)
    assert sweep.thresholds[sweep.best] == 0.3
    assert sweep.scores[sweep.best].mean_iou == 1


def test_only_some_labels_of_the_truth_can_be_scored():
    samples = make_samples(np.float32)
    sweep = sweep_background_threshold(
        samples.__getitem__, list(samples), [0.25], N_LABELS, labels=[0, 2], names=["background", "cat"]
    )
    restricted = restrict_truth(naive_matrix(samples, 0.25), [0, 2])
    assert sweep.scores[0] == compute_scores(restricted, ["background", "cat"])


@pytest.mark.parametrize("thresholds", [[], [0.3, 0.2], [0.2, 0.2], [float("nan")]])
def test_thresholds_must_ascend(thresholds):
    with pytest.raises(ConfigError, match="ascending"):
        sweep_background_threshold(lambda _: None, ["x"], thresholds, 2)


@pytest.mark.parametrize(
    ("truth", "keys", "maps", "message"),
    [
        (np.zeros((2, 3), np.uint8), [0], np.zeros((1, 3, 2), np.float32), "image x: truth is 2x3"),
        (np.full((2, 3), 7, np.uint8), [0], np.zeros((1, 2, 3), np.float32), "image x: the truth holds label 7"),
        (np.zeros((2, 3), np.uint8), [4], np.ones((1, 2, 3), np.float32), "image x: class number 4"),
        (np.zeros((2, 3), np.uint8), [0], np.full((1, 2, 3), np.nan, np.float32), "image x: .* NaN"),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_the_image(truth, keys, maps, message):
    sample = CamSample(truth, np.array(keys), maps)
    with pytest.raises(DataError, match=message):
        sweep_background_threshold(lambda _: sample, ["x"], [0.2], 3)


def test_truths_that_keep_their_objects_as_255_are_refused():
    samples = make_samples(np.float32)
    hidden = {
        name: CamSample(np.where(one.truth > 0, 255, 0).astype(np.uint8), one.keys, one.maps)
        for name, one in samples.items()
    }
    with pytest.raises(DataError, match="not one of 4 masks shows a class"):
        sweep_background_threshold(hidden.__getitem__, list(hidden), THRESHOLDS, N_LABELS)
    threshold_matrices({**hidden, "a": samples["a"]}.__getitem__, list(hidden), THRESHOLDS, N_LABELS)
