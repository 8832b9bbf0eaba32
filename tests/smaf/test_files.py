"""Where the paper's files lie, and what its scoring is called with."""

from pathlib import Path

import numpy as np
import pytest

from common.cam.files import Cams, read_cams
from common.data.layout import DataConfig, open_layout
from common.errors import DataError
from common.pseudo_labels.rule import LabelConfig
from smaf.files import FilesConfig, folder_of_masks, table_arguments, write_by_class

BESIDE = Path("logdir/proda_model/result_crf")


def test_maps_by_class_are_read_back_as_they_were(tmp_path):
    cams = Cams(np.array([3, 11]), np.random.default_rng(0).random((2, 4, 5)).astype(np.float32))
    write_by_class(tmp_path / "one.npy", cams)
    read = read_cams(tmp_path / "one.npy")
    assert read.keys.tolist() == [3, 11]
    np.testing.assert_array_equal(read.maps, cams.maps)


@pytest.mark.parametrize(("crf", "name"), [("none", "cam_png"), ("label_all", "crf_png")])
def test_the_published_masks_have_the_published_folders_and_may_have_others(crf, name):
    labels = LabelConfig(crf=crf)
    assert folder_of_masks(FilesConfig(), labels, BESIDE) == BESIDE / name
    assert folder_of_masks(FilesConfig(cam_png="mine", crf_png="other"), labels, BESIDE) == Path(
        "mine" if crf == "none" else "other"
    )


def test_masks_of_another_rule_do_not_mix_with_the_published():
    rules = [
        LabelConfig(background=b, crf=c)
        for b in ("constant", "saliency", "mean")
        for c in ("none", "label", "label_all")
    ]
    assert len({folder_of_masks(FilesConfig(), rule, BESIDE) for rule in rules}) == len(rules)


@pytest.fixture
def dataset(tmp_path):
    """A dataset without images: the table's arguments need none."""
    (tmp_path / "metadata/voc12").mkdir(parents=True)
    (tmp_path / "metadata/voc12/train_aug.txt").write_text("a\nb\n")
    return tmp_path


def arguments(root):
    layout = open_layout(DataConfig("vocaug", str(root)))
    words = table_arguments(layout, layout.lists.get("train"), Path("masks"), Path("results"))
    return {flag.removeprefix("--"): value for flag, value in zip(words[::2], words[1::2], strict=True)}


def test_the_table_is_of_the_official_list_beside_the_training_list_or_in_its_usual_place(dataset):
    assert Path(arguments(dataset)["datalist"]).name == "train_aug.txt"
    official = dataset / "ImageSets/Segmentation/train.txt"
    official.parent.mkdir(parents=True)
    official.write_text("a\n")
    assert arguments(dataset)["datalist"] == str(official)
    beside = dataset / "metadata/voc12/train.txt"
    beside.write_text("a\n")
    found = arguments(dataset)
    assert found["datalist"] == str(beside) and found["dataset"] == "vocaug"
    assert Path(found["save_path"]).name == "train.txt" and Path(found["gt_dir"]).name == "SegmentationClassAug"


def test_a_dataset_without_a_list_says_what_to_write(dataset):
    layout = open_layout(DataConfig("vocaug", str(dataset)))
    with pytest.raises(DataError, match=r"no training list.* write .*train\.txt"):
        table_arguments(layout, None, Path("masks"), Path("results"))
