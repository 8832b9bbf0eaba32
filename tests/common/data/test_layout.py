from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.classes import COCO_CLASSES, VOC_CLASSES
from common.data.layout import DataConfig, open_layout
from common.data.lists import ListEntry
from common.data.presets import DatasetName
from common.errors import DataError


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(root / name)


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def config(root: Path, dataset: DatasetName, **settings: str) -> DataConfig:
    return replace(DataConfig(dataset=dataset, root=str(root)), **settings)  # type: ignore[arg-type]


def test_voc12_and_vocaug_differ_in_masks_and_lists(tmp_path: Path) -> None:
    touch(tmp_path, "JPEGImages/a.jpg", "SegmentationClass/a.png", "SegmentationClassAug/a.png", "Sal/a.png")
    for name in ("Segmentation/train", "Segmentation/val", "SegmentationAug/train_aug", "SegmentationAug/val"):
        write(tmp_path, f"ImageSets/{name}.txt", "a\n")
    for dataset, masks, train in (
        ("voc12", "SegmentationClass", "Segmentation/train.txt"),
        ("vocaug", "SegmentationClassAug", "SegmentationAug/train_aug.txt"),
    ):
        layout = open_layout(config(tmp_path, dataset))  # type: ignore[arg-type]
        assert (layout.classes, layout.n_classes) == (VOC_CLASSES, 20)
        assert layout.mask_path("a") == tmp_path / masks / "a.png"
        assert layout.image_path("a") == tmp_path / "JPEGImages/a.jpg"
        assert layout.saliency_path("a") == tmp_path / "Sal/a.png"
        assert layout.lists["train"] == tmp_path / "ImageSets" / train


def test_vocaug_falls_back_to_other_places_of_the_lists_in_order(tmp_path: Path) -> None:
    write(tmp_path, "train_cls.txt", "a 0\n")
    assert open_layout(config(tmp_path, "vocaug")).lists["train"] == tmp_path / "train_cls.txt"
    write(tmp_path, "ImageSets/Segmentation/trainaug.txt", "b\n")
    assert open_layout(config(tmp_path, "vocaug")).ids("train") == ["b"]


@pytest.mark.parametrize(("dataset", "name", "train"), [("vocaug", "voc12", "train_aug"), ("coco14", "coco", "train")])
def test_lists_and_tags_of_eps_are_found_in_its_folder_metadata(
    tmp_path: Path, dataset: DatasetName, name: str, train: str
) -> None:
    place = tmp_path / "metadata" / name
    write(tmp_path, f"metadata/{name}/{train}.txt", "a\n")
    np.save(place / "cls_labels.npy", np.array({"a": np.ones(20 if name == "voc12" else 80, np.float32)}, object))
    layout = open_layout(config(tmp_path, dataset))
    assert layout.lists["train"] == place / f"{train}.txt" and layout.tags == place / "cls_labels.npy"
    assert layout.read_tags(layout.ids("train"))["a"].all()


def test_a_missing_list_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'val'.*ImageSets/SegmentationAug/val\.txt.*val_list"):
        open_layout(config(tmp_path, "vocaug")).entries("val")


def test_lists_can_be_set_by_name_relative_path_or_path(tmp_path: Path) -> None:
    root = tmp_path / "voc"
    write(root, "ImageSets/SegmentationAug/mine.txt", "a\n")
    write(tmp_path, "elsewhere.txt", "b\n")
    for value, ids in (
        ("mine", ["a"]),
        ("mine.txt", ["a"]),
        ("ImageSets/SegmentationAug/mine.txt", ["a"]),
        (str(tmp_path / "elsewhere.txt"), ["b"]),
    ):
        assert open_layout(config(root, "vocaug", train_list=value)).ids("train") == ids
    assert open_layout(config(root, "vocaug")).ids("mine") == ["a"]


@pytest.mark.parametrize("setting", ["train_list", "images", "masks", "saliency", "tags", "classes"])
def test_a_set_path_that_does_not_exist_is_an_error_naming_the_setting(tmp_path: Path, setting: str) -> None:
    with pytest.raises(DataError, match=f"{setting}.*'nowhere'"):
        open_layout(config(tmp_path, "vocaug", **{setting: "nowhere"}))


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_layout(config(tmp_path / "absent", "voc12"))


def test_missing_files_say_where_they_are_expected(tmp_path: Path) -> None:
    layout = open_layout(config(tmp_path, "voc12"))
    for find, expected in (
        (layout.image_path, r"image of 'a' not found: expected .*JPEGImages/a\.jpg"),
        (layout.mask_path, r"mask of 'a' not found: expected .*SegmentationClass/a\.png"),
        (layout.saliency_path, r"saliency map of 'a' not found: expected .*Sal/a\.png"),
    ):
        with pytest.raises(DataError, match=expected):
            find("a")


def test_ids_may_name_subfolders_and_dots_but_not_leave_the_dataset(tmp_path: Path) -> None:
    touch(tmp_path, "voc/JPEGImages/train2014/COCO_1.jpg", "voc/JPEGImages/a.b.JPG", "secret.jpg")
    layout = open_layout(config(tmp_path / "voc", "coco14"))
    assert layout.classes == COCO_CLASSES
    assert layout.image_path("train2014/COCO_1").name == "COCO_1.jpg"
    assert layout.image_path("a.b").name == "a.b.JPG"
    for find in (layout.image_path, layout.mask_path, layout.saliency_path):
        with pytest.raises(DataError, match="leaves its root"):
            find("../../secret")


def test_paths_in_lists_are_used_unless_a_folder_is_set(tmp_path: Path) -> None:
    touch(tmp_path, "Photos/a.jpg", "Pseudo/a.png", "Other/a.png")
    write(tmp_path, "ImageSets/SegmentationAug/train_aug.txt", "/Photos/a.jpg /Pseudo/a.png\n")
    layout = open_layout(config(tmp_path, "vocaug"))
    assert layout.entries("train") == [ListEntry("a", "/Photos/a.jpg", "/Pseudo/a.png")]
    assert layout.image_path("a") == tmp_path / "Photos/a.jpg"
    assert layout.mask_path("a") == tmp_path / "Pseudo/a.png"
    assert open_layout(config(tmp_path, "vocaug", masks="Other")).mask_path("a") == tmp_path / "Other/a.png"


def test_paths_in_lists_cannot_leave_the_dataset_and_must_agree(tmp_path: Path) -> None:
    touch(tmp_path, "secret.jpg", "voc/J/a.jpg", "voc/J/b.jpg")
    write(tmp_path / "voc", "ImageSets/SegmentationAug/train_aug.txt", "../secret.jpg\n/J/a.jpg /S/a.png\n")
    layout = open_layout(config(tmp_path / "voc", "vocaug"))
    with pytest.raises(DataError, match="leaves its root"):
        layout.image_path("secret")
    write(tmp_path / "voc", "ImageSets/SegmentationAug/val.txt", "/J/a.jpg /T/a.png\n")
    with pytest.raises(DataError, match=r"other files.*make them agree"):
        open_layout(config(tmp_path / "voc", "vocaug")).image_path("a")


def test_one_of_several_sets_of_saliency_maps_is_found_by_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "sal/snet/a.png", "sal/other/a.png")
    layout = open_layout(config(tmp_path, "vocaug", saliency="snet"))
    assert layout.saliency_path("a") == tmp_path / "sal/snet/a.png"


@pytest.mark.parametrize("name", ["Sal", "SALImages", "saliency_map", "saliency_aug"])
def test_the_saliency_folders_of_the_field_are_found(tmp_path: Path, name: str) -> None:
    touch(tmp_path, f"{name}/a.png")
    assert open_layout(config(tmp_path, "vocaug")).saliency_path("a") == tmp_path / name / "a.png"


def test_tags_are_found_in_a_fixed_order(tmp_path: Path) -> None:
    names = ["im_tags.pkl", "Annotations", "ImageSets/SegmentationAug/train_cls.txt", "cls_labels.npy", "tags.csv"]
    assert open_layout(config(tmp_path, "vocaug")).tags is None
    with pytest.raises(DataError, match=r"no tags.*tags\.csv"):
        open_layout(config(tmp_path, "vocaug")).read_tags(["a"])
    for name in names:
        write(tmp_path, name, "")
        assert open_layout(config(tmp_path, "vocaug")).tags == tmp_path / name
    assert open_layout(config(tmp_path, "vocaug", tags="im_tags.pkl")).tags == tmp_path / "im_tags.pkl"


def test_tags_per_list_are_read_for_both_lists(tmp_path: Path) -> None:
    write(tmp_path, "ImageSets/SegmentationAug/train_cls.txt", "a 0\n")
    write(tmp_path, "ImageSets/SegmentationAug/val_cls.txt", "b 1 2\n")
    tags = open_layout(config(tmp_path, "vocaug")).read_tags(["b", "a"])
    assert {image_id: np.flatnonzero(value).tolist() for image_id, value in tags.items()} == {"b": [1, 2], "a": [0]}
    with pytest.raises(DataError, match="1 of 2 images have no tags"):
        open_layout(config(tmp_path, "vocaug")).read_tags(["a", "c"])


def test_annotations_give_tags(tmp_path: Path) -> None:
    write(tmp_path, "Annotations/a.xml", "<annotation><object><name>bird</name></object></annotation>")
    assert open_layout(config(tmp_path, "vocaug")).read_tags(["a"])["a"].tolist().index(1) == VOC_CLASSES.index("bird")


def test_own_folder_trains_on_all_images_but_those_held_out(tmp_path: Path) -> None:
    touch(tmp_path, "images/b.png", "images/sub/a.jpg", "images/my cat.JPG", "images/.hidden.jpg")
    write(tmp_path, "tags.csv", "b,zebra\nmy cat,ape zebra\nsub/a,ape\n")
    layout = open_layout(config(tmp_path, "folder"))
    assert layout.classes == ("ape", "zebra")
    assert layout.ids("train") == ["b", "my cat", "sub/a"]
    assert layout.read_tags(["my cat"])["my cat"].tolist() == [1, 1]
    with pytest.raises(DataError, match=r"val\.txt"):
        layout.ids("val")
    write(tmp_path, "val.txt", "my cat\n")
    layout = open_layout(config(tmp_path, "folder"))
    assert (layout.ids("train"), layout.ids("val")) == (["b", "sub/a"], ["my cat"])


def test_own_folder_prefers_its_class_list_and_its_training_list(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/b.jpg")
    write(tmp_path, "tags.csv", "a,zebra\n")
    write(tmp_path, "classes.txt", "zebra\nape\n")
    write(tmp_path, "train.txt", "b\n")
    layout = open_layout(config(tmp_path, "folder"))
    assert (layout.classes, layout.ids("train")) == (("zebra", "ape"), ["b"])


def test_own_folder_without_class_names_or_with_ambiguous_images_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.jpg", "images/a.png")
    with pytest.raises(DataError, match=r"classes\.txt.*tags\.csv"):
        open_layout(config(tmp_path, "folder"))
    write(tmp_path, "tags.csv", "a,cat\n")
    with pytest.raises(DataError, match=r"two images of one id"):
        open_layout(config(tmp_path, "folder")).ids("train")


def test_toy_needs_its_class_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"classes\.txt"):
        open_layout(config(tmp_path, "toy"))
    write(tmp_path, "classes.txt", "fish\n")
    assert open_layout(config(tmp_path, "toy")).classes == ("fish",)


def test_real_dataset_opens_with_ids_or_pairs(shared: Path) -> None:
    root = shared / "data/voc_animals"
    plain = open_layout(config(root, "vocaug"))
    pairs = open_layout(config(root, "vocaug", train_list="train_aug_pairs", val_list="val_pairs"))
    for split in ("train", "val"):
        ids = plain.ids(split)
        assert pairs.ids(split) == ids
        assert pairs.image_path(ids[0]) == plain.image_path(ids[0])
        assert pairs.mask_path(ids[0]) == plain.mask_path(ids[0])
        assert list(plain.read_tags(ids)) == ids
