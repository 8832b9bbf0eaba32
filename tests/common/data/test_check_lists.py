"""The check says which lists and tags these are, and what of them contradicts each other."""

import numpy as np
import pytest
from PIL import Image

from common.data import check_lists, published_lists
from common.data.check import main
from common.data.classes import COCO_CLASSES
from common.data.published_lists import PublishedList, list_fingerprint

VOC_IDS = ["2008_001550", "2007_000032", "2007_000039"]
COCO = "COCO_train2014_000000000009"


def lay_out(root, ids, *, train=None, val=(), tags="", masks=None):
    """A dataset in VOC's layout; returns its folder as text."""
    for folder in ("JPEGImages", "SegmentationClassAug", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for image_id in ids:
        Image.new("RGB", (4, 3)).save(root / f"JPEGImages/{image_id}.jpg")
        value = (masks or {}).get(image_id, 15)
        for folder in ("SegmentationClassAug", "SegmentationClass"):
            Image.new("L", (4, 3), value).save(root / f"{folder}/{image_id}.png")
    lists = {"train_aug": train or ids, "train": train or ids, **({"val": val} if val else {})}
    for name, lines in lists.items():
        (root / f"ImageSets/Segmentation/{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    (root / "tags.csv").write_text(tags or "".join(f"{image_id},person\n" for image_id in ids))
    return str(root)


def checked(capsys, *arguments):
    status = main([*arguments, "--workers", "0"])
    return status, capsys.readouterr().out


@pytest.fixture
def known(monkeypatch):
    """Makes a list of ids a published one."""

    def publish(ids, n_val=0, name=""):
        digits = list_fingerprint(ids)
        lists = {digits: PublishedList(digits, "voc", "the published one", len(ids), n_val, 1, "")}
        monkeypatch.setattr(published_lists, "published", lambda: (lists, {}))
        if name:
            monkeypatch.setattr(check_lists, name, digits)

    return publish


def test_a_published_list_is_named_in_the_check(tmp_path, capsys, known):
    known(VOC_IDS)
    _, said = checked(capsys, lay_out(tmp_path, VOC_IDS))
    assert "train is:    the published one" in said


def test_a_part_of_a_published_list_beside_it_is_named(tmp_path, capsys, known):
    known(VOC_IDS)
    root = lay_out(tmp_path, VOC_IDS)
    (tmp_path / "mine.txt").write_text(f"{VOC_IDS[0]}\n")
    (tmp_path / "ImageSets/Segmentation/mine.txt").write_text(f"{VOC_IDS[0]}\n")
    _, said = checked(capsys, root, "--train_list", "mine")
    assert "train is:    a part (1 of 3) of train.txt, which is the published one" in said


def test_other_lists_of_voc_are_said_to_be_none_of_them(tmp_path, capsys):
    _, said = checked(capsys, lay_out(tmp_path, VOC_IDS))
    assert "train is:    none of the published lists" in said


def test_training_images_that_are_scored_are_a_problem(tmp_path, capsys):
    status, said = checked(capsys, lay_out(tmp_path, VOC_IDS, val=VOC_IDS[1:]))
    assert status == 1 and "problem: training images in the list being scored" in said
    assert "2 of the 2 val images are in the train list: 2007_000032" in said


def test_with_own_images_that_is_a_note(tmp_path, capsys):
    (tmp_path / "classes.txt").write_text("person\n")
    root = lay_out(tmp_path, VOC_IDS, val=VOC_IDS[1:], masks=dict.fromkeys(VOC_IDS, 1))
    status, said = checked(capsys, root, "--dataset", "toy")
    assert status == 0 and "note: training images in the list being scored" in said


def test_a_published_list_that_holds_val_is_a_problem_without_a_val_list(tmp_path, capsys, known):
    known(VOC_IDS, n_val=1449)
    status, said = checked(capsys, lay_out(tmp_path, VOC_IDS))
    assert status == 1 and "1449 of VOC's 1,449 val images are in the train list, which is the published one" in said


@pytest.mark.parametrize(
    ("dataset", "name", "stands"), [("vocaug", "VOC_TRAIN", "10,582"), ("voc12", "TRAIN_AUG", "1,464")]
)
def test_the_other_of_the_two_training_lists_is_noted(tmp_path, capsys, known, dataset, name, stands):
    known(VOC_IDS, name=name)
    status, said = checked(capsys, lay_out(tmp_path, VOC_IDS), "--dataset", dataset)
    assert status == 0 and "note: the train list has another length than its dataset" in said
    assert f"has 3 images, --dataset {dataset} stands for {stands}: train_cls.txt has" in said


def test_the_school_of_the_tags_is_said(tmp_path, capsys):
    tags = "2008_001550,chair;sofa\n2007_000032,person\n2007_000039,person\n"
    _, said = checked(capsys, lay_out(tmp_path, VOC_IDS, tags=tags))
    assert "tags are:    school xml in the 1 images where schools differ" in said


def other_tags(root, tagged):
    vectors = {i: np.zeros(20, np.float32) for i in tagged}
    for image_id, classes in tagged.items():
        vectors[image_id][list(classes)] = 1
    np.save(root / "cls_labels.npy", np.array(vectors, object))


def test_two_tag_files_that_disagree_are_a_problem(tmp_path, capsys):
    root = lay_out(tmp_path, VOC_IDS)
    other_tags(tmp_path, {VOC_IDS[1]: [14], VOC_IDS[2]: [0]})
    status, said = checked(capsys, root)
    assert status == 1 and "problem: tags at hand that disagree" in said
    assert "tags.csv, which is used, and cls_labels.npy differ in 1 of 2 training images: 2007_000039" in said


def test_two_schools_of_voc_are_a_note_that_names_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        check_lists, "describe_known", lambda tags, classes: f"school {'ab'[int(tags[VOC_IDS[0]].any())]}"
    )
    root = lay_out(tmp_path, VOC_IDS, tags="2008_001550,\n2007_000032,person\n2007_000039,person\n")
    other_tags(tmp_path, {VOC_IDS[0]: [8, 17], VOC_IDS[1]: [14], VOC_IDS[2]: [14]})
    status, said = checked(capsys, root)
    assert status == 0, said
    assert "note: tags at hand that disagree" in said and "(tags.csv: school a; cls_labels.npy: school b)" in said


def test_files_of_another_school_than_the_one_asked_for_do_not_disagree(tmp_path, capsys):
    root = lay_out(tmp_path, VOC_IDS, tags="2008_001550,chair;sofa\n2007_000032,person\n2007_000039,person\n")
    other_tags(tmp_path, {VOC_IDS[0]: [], VOC_IDS[1]: [14], VOC_IDS[2]: [14]})
    assert "disagree" not in checked(capsys, root, "--tags", "xml")[1]
    assert "disagree" in checked(capsys, root)[1]


def test_equal_tags_in_two_files_are_no_finding(tmp_path, capsys):
    root = lay_out(tmp_path, VOC_IDS)
    other_tags(tmp_path, {image_id: [14] for image_id in VOC_IDS})
    assert "disagree" not in checked(capsys, root)[1]


def test_a_list_of_names_and_keys_is_found(tmp_path, capsys):
    status, said = checked(capsys, lay_out(tmp_path, VOC_IDS, train=[f"{i}.jpg {n}" for n, i in enumerate(VOC_IDS)]))
    assert status == 1 and "problem: train: a list of the form name.jpg NUMBER" in said
    assert "2008_001550.jpg 0: the number is the key of a cue" in said


@pytest.mark.parametrize("form", ["9", "000000000009"])
def test_ids_of_coco_without_their_names_are_found(tmp_path, capsys, form):
    status, said = checked(capsys, lay_out(tmp_path, [COCO], train=[form]), "--dataset", "coco14")
    assert status == 1 and "problem: train: ids of COCO without the name of their file" in said
    assert f"1 ids are numbers, as {form}, whose image is {COCO}.jpg: write {COCO}" in said


def test_tags_of_coco_under_integers_are_found(tmp_path, capsys):
    root = lay_out(tmp_path, [COCO])
    (tmp_path / "tags.csv").unlink()
    np.save(tmp_path / "cls_labels.npy", np.array({9: np.ones(80, np.float32)}, object))
    status, said = checked(capsys, root, "--dataset", "coco14")
    assert status == 1 and "problem: train: tags have other forms of COCO's ids than the list" in said
    assert f"1 images, as {COCO}, whose tags are called 9" in said


def test_label_maps_of_coco_in_category_ids_are_found_and_the_way_out_is_named(tmp_path, capsys):
    root = lay_out(tmp_path, [COCO], tags=f"{COCO},{COCO_CLASSES[79]}\n", masks={COCO: 90})
    status, said = checked(capsys, root, "--dataset", "coco14")
    assert status == 1 and "problem: label maps in COCO's numbering" in said
    assert "python -m common.data.coco_labels" in said and "then set masks to OUT" in said


def test_own_images_have_no_published_lists(tmp_path, capsys):
    (tmp_path / "classes.txt").write_text("person\n")
    _, said = checked(capsys, lay_out(tmp_path, VOC_IDS), "--dataset", "toy")
    assert "train is:" not in said and "tags are:" not in said
