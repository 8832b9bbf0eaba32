"""Pseudo labels, the threshold sweep and the pictures of attention maps equal the published ones."""

import numpy as np
import pytest
from PIL import Image

from common.cam.files import Cams
from common.data.images import read_label_map
from common.data.layout import DataConfig, open_layout
from common.files import write_json
from l2g_cda.maps import stretched, write_attention
from l2g_cda.method import PSEUDO_LABELS
from l2g_cda.quality import sweep_record, swept
from l2g_cda.scripts.evaluate_mthr_voc import sweep_of_voc
from l2g_cda.settings import L2GLabels, L2GSettings
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
def settings(tmp_path):
    """The items as a VOC dataset, with the values of the attention PNGs as the maps of a run."""
    height, width = CASES["pseudo/gen_gt"]["size"]
    for folder in ("JPEGImages", "SegmentationClassAug"):
        (tmp_path / folder).mkdir()
    for item, numbers in ITEMS.items():
        Image.new("RGB", (width, height)).save(tmp_path / "JPEGImages" / f"{item}.jpg")
        Image.fromarray(stored("pseudo")[f"gt/{item}"]).save(tmp_path / "SegmentationClassAug" / f"{item}.png")
        maps = np.stack([attention_of(item, number) for number in sorted(numbers)]).astype(np.float32) / 255
        write_attention(tmp_path / "run" / "cams" / f"{item}.npz", Cams(np.sort(numbers), maps))
    write_json(tmp_path / "run" / "cams" / "stage.json", {"network": {}})
    lines = (f"{item} {' '.join(map(str, numbers))} \n" for item, numbers in ITEMS.items())
    (tmp_path / "train_cls.txt").write_text("".join(lines))
    settings = L2GSettings(out=str(tmp_path / "run"), data=DataConfig(dataset="vocaug", root=str(tmp_path)))
    settings.engine.workers, settings.report.saliency_source = 0, "none of these cases"
    return settings


@pytest.mark.parametrize("case", ["pseudo/gen_gt"])
@pytest.mark.parametrize("script", THRESHOLDS)
def test_pseudo_labels(case, script, settings, tmp_path):
    settings.labels = L2GLabels(threshold=THRESHOLDS[script])
    assert PSEUDO_LABELS.run(settings) == 0
    for item in ITEMS:
        wanted = stored(case.split("/")[0], f"gen_gt/{script}/")[item]
        np.testing.assert_array_equal(read_label_map(tmp_path / "run" / "labels" / f"{item}.png"), wanted)


@pytest.mark.parametrize("case", ["pseudo/mthr"])
def test_threshold_sweep(case, settings):
    layout, (thresholds,) = open_layout(settings.data), sweep_of_voc.args
    names = ["background", *layout.classes]
    matrices = swept(layout, list(ITEMS), thresholds, PSEUDO_LABELS.map_reader(settings))
    records = [sweep_record(*pair, names) for pair in zip(matrices, thresholds, strict=True)]
    assert sorted(records[0]) == CASES[case]["keys_of_json"]
    columns = ("Threshold", "Mean IoU", "Mean_Precision", "Mean_Recall")
    rows = [[record[name] for name in columns] for record in records]
    np.testing.assert_allclose(rows, stored("pseudo")["mthr/rows"], rtol=0, atol=float(CASES[case]["tolerance"]))


@pytest.mark.parametrize("case", ["pseudo/res"])
@pytest.mark.parametrize("number", ITEMS["i1"])
def test_attention_picture(case, number):
    drawn = stretched(attention_of("i1", number), tuple(CASES[case]["target_size"]))
    assert np.abs(drawn.astype(int) - stored("pseudo")[f"res/i1_{number}"]).max() <= 1
