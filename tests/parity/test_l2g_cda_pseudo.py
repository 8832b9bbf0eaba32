"""Pseudo labels, the threshold sweep and the pictures of attention maps equal the published ones."""

import numpy as np
import pytest
from l2g_cda.labels.heat import stretched
from l2g_cda.labels.pseudo import make_pseudo_labels
from l2g_cda.labels.sweep import VOC_THRESHOLDS, attention_samples, sweep_record, threshold_matrices
from PIL import Image

from common.data.images import read_label_map
from common.data.layout import DataConfig, open_layout
from tests.parity.l2g_cda_cases import CASES
from tests.parity.l2g_cda_data import picture, stored

ITEMS = dict(CASES["pseudo/gen_gt"]["items"])
THRESHOLDS = {"thesis_pascal_voc": 0.35, "thesis_mscoco": 0.35, "l2g_pascal_voc": 0.25}


def attention_of(item, number):
    """The stored attention map, with the manifest's corner of values around the thresholds."""
    attention = picture(f"{item}_att{number}", *CASES["pseudo/gen_gt"]["size"])
    attention[0:3, :8], attention[3:5, :8], attention[5:7, :8] = 89, 90, 51
    return attention


@pytest.fixture
def voc(tmp_path):
    """The items as a VOC dataset with attention PNGs in ``attention``."""
    height, width = CASES["pseudo/gen_gt"]["size"]
    for folder in ("JPEGImages", "SegmentationClassAug", "attention"):
        (tmp_path / folder).mkdir()
    for item, numbers in ITEMS.items():
        Image.new("RGB", (width, height)).save(tmp_path / "JPEGImages" / f"{item}.jpg")
        Image.fromarray(stored("pseudo")[f"gt/{item}"]).save(tmp_path / "SegmentationClassAug" / f"{item}.png")
        for number in numbers:
            Image.fromarray(attention_of(item, number)).save(tmp_path / "attention" / f"{item}_{number}.png")
    lines = (f"{item} {' '.join(map(str, numbers))} \n" for item, numbers in ITEMS.items())
    (tmp_path / "train_cls.txt").write_text("".join(lines))
    return open_layout(DataConfig(dataset="vocaug", root=str(tmp_path)))


@pytest.mark.parametrize("case", ["pseudo/gen_gt"])
@pytest.mark.parametrize("script", THRESHOLDS)
def test_pseudo_labels(case, script, voc, tmp_path):
    make_pseudo_labels(voc, list(ITEMS), tmp_path / "attention", tmp_path / "labels", THRESHOLDS[script], workers=0)
    for item in ITEMS:
        wanted = stored(case.split("/")[0], f"gen_gt/{script}/")[item]
        np.testing.assert_array_equal(read_label_map(tmp_path / "labels" / f"{item}.png"), wanted)


@pytest.mark.parametrize("case", ["pseudo/mthr"])
def test_threshold_sweep(case, voc, tmp_path):
    load = attention_samples(voc, list(ITEMS), tmp_path / "attention")
    names = ["background", *voc.classes]
    matrices = threshold_matrices(load, list(ITEMS), VOC_THRESHOLDS, 21, workers=1)
    records = [sweep_record(*pair, names) for pair in zip(matrices, VOC_THRESHOLDS, strict=True)]
    assert sorted(records[0]) == CASES[case]["keys_of_json"]
    columns = ("Threshold", "Mean IoU", "Mean_Precision", "Mean_Recall")
    rows = [[record[name] for name in columns] for record in records]
    np.testing.assert_allclose(rows, stored("pseudo")["mthr/rows"], rtol=0, atol=float(CASES[case]["tolerance"]))


@pytest.mark.parametrize("case", ["pseudo/res"])
@pytest.mark.parametrize("number", ITEMS["i1"])
def test_attention_picture(case, number):
    drawn = stretched(attention_of("i1", number), tuple(CASES[case]["target_size"]))
    assert np.abs(drawn.astype(int) - stored("pseudo")[f"res/i1_{number}"]).max() <= 1
