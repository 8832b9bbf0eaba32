"""Pseudo labels are made per image, continued, and lack nothing silently."""

import numpy as np
import pytest

from common.data.images import read_label_map
from common.errors import ConfigError, DataError
from l2g_cda.labels.attention_files import attention_path
from l2g_cda.labels.pseudo import make_pseudo_labels


def test_labels_follow_the_attention(layout, ids, attention, tmp_path):
    report = make_pseudo_labels(layout, ids, attention, tmp_path / "labels", 0.35, workers=0)
    assert report.done == len(ids)
    for image_id in ids:
        truth = read_label_map(layout.mask_path(image_id))
        labels = read_label_map(tmp_path / "labels" / f"{image_id}.png")
        np.testing.assert_array_equal(labels[truth != 255], truth[truth != 255])


def test_complete_labels_are_kept_and_other_thresholds_need_force(layout, ids, attention, tmp_path):
    make = lambda threshold, **how: make_pseudo_labels(  # noqa: E731
        layout, ids, attention, tmp_path / "labels", threshold, workers=0, **how
    )
    make(0.35)
    assert make(0.35).skipped == len(ids)
    with pytest.raises(ConfigError, match="threshold"):
        make(0.9)
    assert make(0.9, force=True).done == len(ids)
    assert not read_label_map(tmp_path / "labels" / f"{ids[0]}.png").any()


def test_a_missing_attention_map_is_a_failure_by_name(layout, ids, attention, tmp_path):
    number = int(np.flatnonzero(layout.read_tags(ids)[ids[1]])[0])
    attention_path(attention, ids[1], number).unlink()
    report = make_pseudo_labels(layout, ids, attention, tmp_path / "labels", 0.35, workers=0)
    assert list(report.failed) == [ids[1]] and f"{ids[1]}_{number}.png" in report.failed[ids[1]]
    assert report.done == len(ids) - 1


def test_a_missing_folder_is_an_error(layout, ids, tmp_path):
    with pytest.raises(DataError, match=r"no attention maps: folder .*nowhere does not exist"):
        make_pseudo_labels(layout, ids, tmp_path / "nowhere", tmp_path / "labels", 0.35)
