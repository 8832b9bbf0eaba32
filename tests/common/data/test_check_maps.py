"""What ``common.data.check`` says about all masks, tags and saliency maps of a dataset together."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.check import main

SHAPE = (10, 12)
OBJECT = np.zeros(SHAPE, np.uint8)
OBJECT[2:6, 3:8] = 1
IDS = ("a", "b", "c", "d")
LABELS = {"a": 1, "b": 2, "c": 1, "d": 2}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two cats and two dogs with right tags, masks and saliency maps."""
    for folder in ("images", "masks", "saliency"):
        (tmp_path / folder).mkdir()
    for name in IDS:
        Image.new("RGB", SHAPE[::-1]).save(tmp_path / f"images/{name}.jpg")
    write(tmp_path / "masks", {name: OBJECT * LABELS[name] for name in IDS})
    write(tmp_path / "saliency", dict.fromkeys(IDS, OBJECT * 255))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / "tags.csv").write_text("a,cat\nb,dog\nc,cat\nd,dog\n")
    return tmp_path


def write(folder: Path, maps: dict[str, np.ndarray]) -> None:
    for name, values in maps.items():
        Image.fromarray(values).save(folder / f"{name}.png")


def said(root: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    status = main([str(root), "--dataset", "folder", "--workers", "0", *flags])
    return status, capsys.readouterr().out


def test_a_right_dataset_has_no_problem_and_no_such_note(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = said(root, capsys)
    assert (
        status == 0 and text.count("note: ") == 2 and "note: no val list" in text and "note: classes with fewer" in text
    )
    assert "tags, masks: 4 of 4 images agree" in text


def test_objects_stored_as_255_are_a_problem(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "masks", dict.fromkeys(IDS, OBJECT * 255))
    status, text = said(root, capsys)
    assert status == 1
    assert "problem: masks that keep their objects as 255\n" in text
    assert (
        "all 4 masks hold 0 and 255 only; 255 is the ignore label, so that every object (16.7 % of the pixels)" in text
    )
    assert "problem: tags name classes that no mask shows\n    cat, dog\n" in text
    assert "supervised training no, masks without objects" in text


@pytest.mark.parametrize("last", [OBJECT * 0, OBJECT * 255])
def test_one_mask_without_a_class_is_none(root: Path, capsys: pytest.CaptureFixture[str], last: np.ndarray) -> None:
    write(root / "masks", {"d": last})
    assert "keep their objects" not in said(root, capsys)[1]


def test_some_masks_of_zero_and_255_among_others_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "masks", {"d": OBJECT * 255})
    text = said(root, capsys)[1]
    assert "note: masks of 0 and 255 only among others with classes\n    d: tags say dog; 255 is ignored\n" in text


def test_background_alone_is_allowed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "masks", dict.fromkeys(IDS, OBJECT * 0))
    (root / "tags.csv").write_text("".join(f"{name},\n" for name in IDS))
    assert said(root, capsys)[0] == 0


def test_grey_levels_in_the_place_of_labels_are_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "masks", {name: OBJECT * 127 * LABELS[name] for name in IDS})
    status, text = said(root, capsys)
    assert status == 1 and "no mask shows a class; values are 0, 127, 254: grey levels" in text


def test_contradicting_tags_are_a_problem_with_cause_and_images(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "tags.csv").write_text("a,dog\nb,cat\nc,dog\nd,cat\n")
    status, text = said(root, capsys)
    assert status == 1
    assert "tags, masks: 0 of 4 images agree" in text
    assert "likely cause\n    classes may be swapped in tags or masks: cat and dog\n" in text
    assert "    cat: 0 images by both, 2 by the tag alone, 2 by the mask alone\n" in text
    assert "    a: tags say dog, its mask shows cat\n" in text


def test_a_single_tag_too_many_is_a_note(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "tags.csv").write_text("a,cat dog\nb,dog\nc,cat\nd,dog\n")
    status, text = said(root, capsys)
    assert status == 0 and "note: tags and masks differ in 1 of 4 images" in text
    assert "a: tags say cat, dog, its mask shows cat" in text


def test_saliency_of_zero_and_one_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "saliency", dict.fromkeys(IDS, OBJECT))
    status, text = said(root, capsys)
    assert status == 0 and "note: saliency maps of 0..1\n" in text and "4 maps, largest value 1" in text


def test_saliency_of_zero_and_one_that_is_to_be_taken_as_it_is_is_a_problem(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(root / "saliency", dict.fromkeys(IDS, OBJECT))
    status, text = said(root, capsys, "--saliency_largest", "255")
    assert status == 1 and "problem: saliency maps that are nearly black" in text and "leave" in text
    write(root / "saliency", {"b": OBJECT * 200})
    status, text = said(root, capsys, "--saliency_largest", "1")
    assert status == 1 and "problem: saliency maps outside 0..1\n    b (0 to 200)\n" in text


def test_saliency_of_several_ranges_is_a_problem(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "saliency", {"a": OBJECT, "b": OBJECT, "c": OBJECT * 0})
    status, text = said(root, capsys)
    assert status == 1 and "problem: saliency maps of several ranges" in text and "2 of 4 maps go to 1" in text


def test_saliency_that_is_no_number_is_a_problem_by_name(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "saliency/b.png").unlink()
    Image.fromarray(np.where(OBJECT, np.nan, 0).astype(np.float32)).save(root / "saliency/b.tif")
    status, text = said(root, capsys)
    assert status == 1 and "problem: saliency maps that hold NaN or infinite values" in text and "b.tif" in text


def test_one_black_map_and_one_nearly_black_map_are_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "saliency", {"a": OBJECT, "c": OBJECT * 0})
    assert "saliency maps" not in said(root, capsys)[1]


@pytest.mark.parametrize(("values", "kind"), [(0, "without a salient pixel"), (100, "that are nearly black")])
def test_saliency_that_no_threshold_reaches_is_a_problem(
    root: Path, capsys: pytest.CaptureFixture[str], values: int, kind: str
) -> None:
    write(root / "saliency", dict.fromkeys(IDS, OBJECT * values))
    status, text = said(root, capsys)
    assert status == 1 and f"problem: saliency maps {kind}" in text


def test_inverted_saliency_is_a_problem_where_masks_show_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "saliency", dict.fromkeys(IDS, (1 - OBJECT) * 255))
    status, text = said(root, capsys)
    assert status == 1 and "problem: saliency maps that are inverted" in text
    assert "objects of the masks have 0 % of it, background 100 %" in text


def test_maps_that_miss_the_objects_are_not_called_inverted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root / "saliency", {name: np.flip(OBJECT) * 255 for name in IDS})
    assert "inverted" not in said(root, capsys)[1]
