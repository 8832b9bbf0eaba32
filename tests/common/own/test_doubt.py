"""What speaks against a mask when the true one is not known."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from common.cam.files import Cams
from common.data.palette import write_label_map
from common.metrics.confidence import Confidence
from common.own.doubt import Witnesses, agreement_by_class, doubt_of, doubts, foreground_agreement, read_witnesses

CLASSES = ("cat", "dog")
SURE = Confidence(0.02, 0.97)


def mask(cats: float, dogs: float = 0.0) -> np.ndarray:
    label_map = np.zeros(10000, np.uint8)
    label_map[: round(10000 * cats)] = 1
    label_map[round(10000 * cats) : round(10000 * (cats + dogs))] = 2
    return label_map.reshape(100, 100)


def maps_of(label_map: np.ndarray) -> Cams:
    """Class maps that show what the label map does, at a quarter of its size."""
    return Cams(np.arange(2), np.stack([(label_map[::4, ::4] == k).astype(np.float32) for k in (1, 2)]))


@pytest.mark.parametrize(
    ("label_map", "tags", "reason"),
    [
        (mask(0.3), ["cat", "dog"], "dog is tagged and not found"),
        (mask(0.3, 0.2), ["cat"], "dog is found and not tagged (20.0%)"),
        (mask(0.005), ["cat"], "hardly any object (0.5% of the image)"),
        (mask(0.95), ["cat"], "hardly any background (objects cover 95%)"),
    ],
)
def test_every_sign_is_said(label_map: np.ndarray, tags: list[str], reason: str) -> None:
    found = doubt_of("x", label_map, tags, CLASSES)
    assert found.reasons == (reason,) and found.score > 0


def test_nothing_speaks_against_a_mask_that_all_witnesses_share() -> None:
    found = doubt_of("x", mask(0.4), ["cat"], CLASSES, Witnesses(mask(0.4), maps_of(mask(0.4)), Confidence(0, 1)))
    assert (found.score, found.reasons) == (0, ()) and found.measured == {"unsure": 0, "label": 0, "maps": 0}
    assert doubt_of("x", mask(0.4), ["cat"], CLASSES).measured == {}


@pytest.mark.parametrize(
    ("witnesses", "reason"),
    [
        (Witnesses(pseudo_label=mask(0.08)), "network and pseudo label agree on 20% of the objects"),
        (Witnesses(cams=maps_of(mask(0.0, 0.4))), "network and class maps agree on 0% of the objects"),
        (
            Witnesses(confidence=Confidence(0.5, 0.3)),
            "the network itself expects an overlap of 30% with the true mask",
        ),
    ],
)
def test_a_witness_that_contradicts_is_named_and_one_that_nearly_agrees_still_counts(
    witnesses: Witnesses, reason: str
) -> None:
    found = doubt_of("x", mask(0.4), ["cat"], CLASSES, witnesses)
    assert found.reasons == (reason,)
    near = doubt_of("x", mask(0.4), ["cat"], CLASSES, Witnesses(pseudo_label=mask(0.38)))
    assert near.reasons == () and 0 < near.score < found.score


def test_ignored_pixels_take_no_part_in_the_agreement() -> None:
    other = mask(0.3)
    other[:30] = 255
    assert foreground_agreement(mask(0.3), other) == 1


def write_all(folder: Path, shown: dict[str, np.ndarray]) -> Path:
    for name, label_map in shown.items():
        write_label_map(folder / f"{name}.png", label_map)
    return folder


def test_seeded_faults_come_before_sound_masks_and_the_grave_ones_first(tmp_path: Path) -> None:
    sound = {f"sound {number}": mask(0.2 + number / 50) for number in range(8)}
    faulty = {"all background": mask(0), "other class": mask(0, 0.3), "tiny": mask(0.004), "added": mask(0.3, 0.1)}
    faulty |= {"huge": mask(0.96)}
    shown = {**sound, **faulty}
    truth = {name: label_map if name in sound else mask(0.3) for name, label_map in shown.items()}
    witnesses = {name: Witnesses(truth[name], maps_of(truth[name]), SURE) for name in shown}
    folder = write_all(tmp_path, shown)
    for seed in range(3):
        names = list(shown)
        random.Random(seed).shuffle(names)
        tags = {name: ["cat"] for name in names}
        found = doubts(lambda one: folder / f"{one}.png", tags, CLASSES, witnesses.__getitem__)
        order = [one.id for one in found]
        assert set(order[:5]) == set(faulty) and order[0] == "other class" and order[-8:] == sorted(sound)
    assert order.index("all background") < order.index("huge") and order.index("other class") < order.index("added")


def test_a_mask_that_cannot_be_compared_stands_where_the_mean_of_the_others_does(tmp_path: Path) -> None:
    shown = {name: mask(0.4) for name in ("agrees", "held back", "contradicts")}
    labels = {"agrees": Witnesses(mask(0.4)), "contradicts": Witnesses(mask(0.04))}
    folder = write_all(tmp_path, shown)
    found = doubts(
        lambda one: folder / f"{one}.png",
        {name: ["cat"] for name in shown},
        CLASSES,
        lambda one: labels.get(one, Witnesses()),
    )
    assert [one.id for one in found] == ["contradicts", "held back", "agrees"]
    assert found[1].score == pytest.approx((found[0].score + found[2].score) / 2, abs=0.001) and found[1].reasons == ()


def test_only_images_with_a_mask_are_judged(tmp_path: Path) -> None:
    folder = write_all(tmp_path, {"fine": mask(0.3), "missing": mask(0.0), "foreign": mask(0.3, 0.01)})
    tags = {name: ["cat"] for name in ("fine", "missing", "foreign", "not predicted")}
    found = doubts(lambda one: folder / f"{one}.png", tags, CLASSES, lambda one: Witnesses())
    assert [one.id for one in found] == ["missing", "foreign", "fine"]
    cat, dog = agreement_by_class(found, tags, CLASSES)
    assert (cat.tagged, cat.found, cat.both, round(cat.mean_area, 3)) == (3, 2, 2, 0.3)
    assert (dog.tagged, dog.found, dog.both) == (0, 1, 0)
    assert (cat.smallest, cat.median_area, cat.largest) == (0.3, 0.3, 0.3)


def test_witnesses_are_the_files_that_are_there(tmp_path: Path) -> None:
    write_label_map(tmp_path / "a.png", mask(0.2))
    read = read_witnesses(lambda one: tmp_path / f"{one}.png", lambda one: None, lambda one: tmp_path / f"{one}.json")
    label, cams, confidence = read("a")
    assert label is not None and (label == mask(0.2)).all() and cams is None and confidence is None
    assert read("b") == (None, None, None)
