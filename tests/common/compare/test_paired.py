"""Counts per image and the difference of two methods."""

from __future__ import annotations

import numpy as np
import pytest

from common.compare.paired import ImageCounts, count_images, mean_iou, paired_difference, read_counts, write_counts
from common.data.palette import write_label_map
from common.errors import DataError
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores


def counts(seed, n=40, quality=0.8):
    """``n`` images of 3 labels, of which a share is right."""
    generator, matrices = np.random.default_rng(seed), []
    for _ in range(n):
        truth = generator.integers(0, 3, (12, 12))
        right = generator.random((12, 12)) < quality
        matrices.append(confusion_matrix(truth, np.where(right, truth, generator.integers(0, 4, (12, 12))), 3))
    return ImageCounts(tuple(f"{index}" for index in range(n)), np.stack(matrices))


def test_the_mean_is_that_of_the_scores_also_where_a_class_is_absent():
    matrices = np.stack([counts(seed).counts.sum(0) for seed in range(3)])
    matrices[1][2] = 0
    expected = [compute_scores(matrix).mean_iou for matrix in matrices]
    assert mean_iou(matrices.astype(float)).tolist() == pytest.approx(expected)


def test_the_difference_is_that_of_the_means_and_lies_in_its_interval():
    better, worse = counts(0, quality=0.9), counts(0, quality=0.7)
    found = paired_difference([better], [worse])
    whole = [100 * compute_scores(one.counts.sum(0)).mean_iou for one in (better, worse)]
    assert found.mean == pytest.approx(whole[0] - whole[1])
    assert 0 < found.low < found.mean < found.high
    assert found.n_images == 40


def test_a_method_against_itself_has_no_difference_at_all():
    found = paired_difference([counts(1)], [counts(1)])
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_the_interval_of_equal_quality_holds_zero_and_shrinks_with_more_images():
    few, many = (paired_difference([counts(2, n)], [counts(3, n)]) for n in (20, 320))
    assert few.low < 0 < few.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_the_same_interval_comes_out_every_time():
    assert paired_difference([counts(4)], [counts(5)]) == paired_difference([counts(4)], [counts(5)])


def test_images_are_paired_by_id_whatever_their_order():
    one, other = counts(6), counts(7)
    turned = ImageCounts(other.ids[::-1], other.counts[::-1])
    assert paired_difference([one], [turned]) == paired_difference([one], [other])


def test_only_images_that_all_have_are_compared():
    one, other = counts(6), counts(7)
    fewer = ImageCounts(other.ids[:30], other.counts[:30])
    assert paired_difference([one], [fewer]).n_images == 30
    with pytest.raises(DataError, match="no image in common"):
        paired_difference([one], [ImageCounts(("x",), other.counts[:1])])
    with pytest.raises(DataError, match="2 seeds"):
        paired_difference([one, one], [other])


def test_seeds_are_averaged():
    good, bad = counts(8, quality=0.9), counts(9, quality=0.6)
    both = paired_difference([good, bad], [bad, good])
    assert both.mean == pytest.approx(0)


def test_counts_come_back_as_they_were_written(tmp_path):
    write_counts(tmp_path / "counts.npz", counts(0))
    found = read_counts(tmp_path / "counts.npz")
    assert found.ids == counts(0).ids and np.array_equal(found.counts, counts(0).counts)


def test_only_the_scored_labels_are_counted(tmp_path):
    truth, prediction = np.array([[0, 1], [2, 2]], np.uint8), np.array([[0, 2], [2, 1]], np.uint8)
    write_label_map(tmp_path / "truth.png", truth)
    write_label_map(tmp_path / "prediction.png", prediction)
    found = count_images(
        lambda one: tmp_path / "truth.png", lambda one: tmp_path / "prediction.png", ["a"], [0, 2], 3, False
    )
    # Truth 1 is ignored; of truth 2 one pixel is right, and one is a label that is not scored.
    assert found.counts.tolist() == [[[1, 0, 0], [0, 1, 1]]]
