"""True masks of some photographs: read first, learned from beside the pseudo labels, kept, and held against what was predicted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.data.palette import write_label_map
from common.errors import ConfigError, DataError
from common.exchange.cvat import write_cvat
from common.exchange.parts import LabelledImage
from common.files import write_json
from common.own.kept_masks import facts_of_true_masks, keep_true_masks, without_true_masks
from common.own.learned_labels import labels_with_true_masks
from common.own.photographs import Photographs
from common.own.true_masks import TrueMasks, given_true_masks

CLASSES = ("cat", "hot dog")
TAGS = {"a 1": ["cat"], "sub/b": ["hot dog"], "c": ["cat"], "d": ["cat"]}
SIZE = (4, 6)


@pytest.fixture
def photographs(tmp_path: Path) -> Photographs:
    for name in (*TAGS, "untagged"):
        file = tmp_path / "photos" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*SIZE, 3), 200, np.uint8)).save(file)
    return Photographs(tmp_path / "photos", TAGS, CLASSES, "tags", ("untagged",), ())


def mask(label: int, rows: int = 2) -> np.ndarray:
    label_map = np.zeros(SIZE, np.uint8)
    label_map[:rows] = label
    return label_map


def given(photographs: Photographs, masks: dict[str, np.ndarray], name: str = "mended") -> TrueMasks:
    root = photographs.images.parent
    items = [LabelledImage(one, label_map) for one, label_map in masks.items()]
    write_cvat(root / f"{name}.zip", items, CLASSES, components=False)
    true = given_true_masks(root / f"{name}.zip", photographs, root / "out")
    assert true is not None
    return true


def test_they_are_read_with_what_does_not_fit_the_tags(photographs: Photographs) -> None:
    true = given(photographs, {"a 1": mask(2), "sub/b": mask(2), "untagged": mask(1), "z": mask(1)})
    assert (true.form, true.ids) == ("CVAT", ("a 1", "sub/b", "untagged"))
    assert read_label_map(true.file("sub/b")).tolist() == mask(2).tolist()
    assert true.notes == (
        "1 true masks are of images that are not there: z",
        "1 true masks are of images without tags, which nothing learns from: untagged",
        "1 classes in true masks are not tagged: a 1 (hot dog)",
        "1 tags have no pixel in the true mask: a 1 (cat)",
    )


def test_masks_of_an_earlier_call_are_gone(photographs: Photographs) -> None:
    first = given(photographs, {"a 1": mask(1), "c": mask(1)})
    again = given(photographs, {"a 1": mask(1), "c": mask(1)}, "copied")
    assert first.digest == again.digest
    other = given(photographs, {"a 1": mask(1)})
    assert other.digest != first.digest and not other.file("c").exists()


def test_a_folder_of_somebody_is_left_alone(photographs: Photographs) -> None:
    mine = photographs.images.parent / "out" / "true_masks" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(DataError, match="true_masks is in the way"):
        given(photographs, {"a 1": mask(1)})
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("out/masks", "holds all that a network predicted; copy those you mended"),
        ("out/with_true_masks_0/masks", "holds all that a network predicted"),
        ("photos/mended", "lies among the photographs"),
    ],
)
def test_places_that_hold_no_mended_masks_are_refused(photographs: Photographs, place: str, message: str) -> None:
    root = photographs.images.parent
    write_label_map(root / place / "a 1.png", mask(1))
    with pytest.raises(ConfigError, match=message):
        given_true_masks(root / place, photographs, root / "out")


def pseudo_labels(root: Path) -> Path:
    """Of a 1, sub/b, c; d failed."""
    folder = root / "labels"
    for name in ("a 1", "sub/b", "c"):
        write_label_map(folder / f"{name}.png", mask(1, 1))
    write_json(folder / "stage.json", {"rule": {"threshold": 0.3}})
    write_json(folder / "failed.json", {"d": "is broken"})
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_they_stand_for_pseudo_labels_in_a_folder_of_their_own(photographs: Photographs) -> None:
    root = photographs.images.parent
    labels = pseudo_labels(root)
    before = contents(labels)
    true = given(photographs, {"a 1": mask(1), "c": mask(2)})
    folder = labels_with_true_masks(true, labels, ["a 1", "sub/b", "d"], root / "out")
    assert contents(labels) == before
    # c was held back.
    assert sorted(contents(folder)) == ["a 1.png", "failed.json", "stage.json", "sub/b.png"]
    assert read_label_map(folder / "a 1.png").tolist() == mask(1).tolist()
    assert read_label_map(folder / "sub" / "b.png").tolist() == mask(1, 1).tolist()
    record = json.loads((folder / "stage.json").read_text())
    assert record["rule"] == {"threshold": 0.3} and record["true_masks"]["ids"] == ["a 1"]


def test_a_true_mask_mends_an_image_that_failed_before(photographs: Photographs) -> None:
    root = photographs.images.parent
    labels = pseudo_labels(root)
    folder = labels_with_true_masks(given(photographs, {"d": mask(1)}), labels, ["c", "d"], root / "out")
    assert sorted(contents(folder)) == ["c.png", "d.png", "stage.json"]


def test_other_true_masks_or_pseudo_labels_have_another_folder(photographs: Photographs) -> None:
    root = photographs.images.parent
    labels, true = pseudo_labels(root), given(photographs, {"a 1": mask(1)})
    one = labels_with_true_masks(true, labels, ["a 1"], root / "out")
    assert labels_with_true_masks(true, labels, ["a 1"], root / "out") == one
    assert labels_with_true_masks(given(photographs, {"a 1": mask(2)}), labels, ["a 1"], root / "out") != one
    write_json(labels / "stage.json", {"rule": {"threshold": 0.4}})
    assert labels_with_true_masks(true, labels, ["a 1"], root / "out") != one


def predicted(root: Path) -> Path:
    for name in (*TAGS, "untagged"):
        write_label_map(root / "masks" / f"{name}.png", mask(1, 1))
        (root / "overlays" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "overlays" / f"{name}.jpg").write_bytes(b"old")
    return root


def test_they_are_kept_in_the_results_and_the_networks_own_masks_set_aside(photographs: Photographs) -> None:
    results = predicted(photographs.images.parent / "results")
    true = given(photographs, {"sub/b": mask(2)})
    for _ in range(2):
        keep_true_masks(true, photographs, results)
        assert read_label_map(results / "masks" / "sub" / "b.png").tolist() == mask(2).tolist()
        assert read_label_map(results / "masks" / "c.png").tolist() == mask(1, 1).tolist()
        assert read_label_map(results / "predicted" / "sub" / "b.png").tolist() == mask(1, 1).tolist()
    assert (results / "overlays" / "c.jpg").read_bytes() == b"old"
    with Image.open(results / "overlays" / "sub" / "b.jpg") as overlay:
        assert overlay.size == (SIZE[1], SIZE[0])


def test_the_facts_count_them_and_score_only_what_was_held_back(photographs: Photographs) -> None:
    results = predicted(photographs.images.parent / "results")
    true = given(photographs, {"a 1": mask(1), "c": mask(1), "d": mask(1, 1)})
    keep_true_masks(true, photographs, results)
    facts = facts_of_true_masks(true, ["a 1", "sub/b"], ["c", "d"], CLASSES, results)
    assert facts["true masks"] == (
        "3 of mended.zip (CVAT), kept as they are: 1 were learned from in the place of pseudo labels, 2 are of images that were held back"
    )
    # Over c and d, of 24 pixels each: 18 of the class, 12 of them found; 30 of background, 36 predicted.
    miou = (12 / 18 + 30 / 36) / 2
    assert facts["mIoU against true masks"] == (
        f"{100 * miou:.1f} %, the network's own masks of 2 images that were held back; fewer than 20 may be off by many points"
    )
    assert set(facts_of_true_masks(true, list(TAGS), [], CLASSES, results)) == {"true masks"}


def test_images_with_true_masks_are_not_doubted(photographs: Photographs) -> None:
    true = given(photographs, {"a 1": mask(1)})
    assert list(without_true_masks(TAGS, true)) == ["sub/b", "c", "d"]
    assert without_true_masks(TAGS, None) == TAGS
