"""Pseudo labels follow the attention maps at the precision of the published pictures."""

import numpy as np
import pytest

from common.data.images import read_label_map
from common.errors import ConfigError, DataError
from common.files import read_json
from common.method.settings import with_values
from l2g_cda.method import PSEUDO_LABELS


def test_labels_follow_the_attention(settings, run, layout, ids):
    assert PSEUDO_LABELS.run(settings) == 0
    for image_id in ids:
        truth = read_label_map(layout.mask_path(image_id))
        labels = read_label_map(run / "labels" / f"{image_id}.png")
        np.testing.assert_array_equal(labels[truth != 255], truth[truth != 255])


def test_complete_labels_are_kept_and_other_thresholds_need_force(settings, run, ids, capsys):
    PSEUDO_LABELS.run(settings)
    assert PSEUDO_LABELS.run(settings) == 0 and f"0 written, {len(ids)} already" in capsys.readouterr().out
    higher = with_values(settings, {"labels.threshold": 0.9})
    with pytest.raises(ConfigError, match="threshold"):
        PSEUDO_LABELS.run(higher)
    assert PSEUDO_LABELS.run(with_values(higher, {"force": True})) == 0
    assert not read_label_map(run / "labels" / f"{ids[0]}.png").any()


def test_labels_may_lie_in_the_datasets_folder(settings, tmp_path, ids):
    elsewhere = {"labels.folder": "{root}/../" + tmp_path.name + "_{name}"}
    assert PSEUDO_LABELS.run(with_values(settings, elsewhere)) == 0
    folder = PSEUDO_LABELS.folder(with_values(settings, elsewhere))
    assert folder.name == f"{tmp_path.name}_EXP" and (folder / f"{ids[0]}.png").is_file()


def test_the_best_threshold_is_looked_for_between_0_01_and_0_90(settings, run):
    PSEUDO_LABELS.run(with_values(settings, {"labels.choose_threshold": True}))
    sweep = read_json(run / "threshold_sweep.json")
    assert (sweep["thresholds"][0], sweep["thresholds"][-1], len(sweep["miou"])) == (0.01, 0.9, 90)
    assert sweep["best"] == 0.08 and max(sweep["miou"]) == 100


def test_a_missing_map_is_a_failure_by_name(settings, run, ids, capsys):
    (run / "cams" / f"{ids[1]}.npz").unlink()
    assert PSEUDO_LABELS.run(settings) == 1
    captured = capsys.readouterr()
    assert f"failed: {ids[1]}: " in captured.err and f"{len(ids) - 1} written" in captured.out


def test_no_maps_are_an_error(settings, tmp_path):
    with pytest.raises(DataError, match="no maps in .*run the stage cam first"):
        PSEUDO_LABELS.run(with_values(settings, {"out": str(tmp_path / "nowhere")}))
