"""What speaks against a mask when the true one is not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.data.palette import write_label_map
from common.own.doubt import agreement_by_class, doubt_of, doubts, foreground_agreement

CLASSES = ("cat", "dog")


def mask(cats: float, dogs: float = 0.0) -> np.ndarray:
    label_map = np.zeros(10000, np.uint8)
    label_map[: round(10000 * cats)] = 1
    label_map[round(10000 * cats) : round(10000 * (cats + dogs))] = 2
    return label_map.reshape(100, 100)


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
    found = doubt_of("x", label_map, tags, CLASSES, None)
    assert found.reasons == (reason,) and found.score > 0


def test_a_network_that_contradicts_its_labels_is_doubtful() -> None:
    found = doubt_of("x", mask(0.3), ["cat"], CLASSES, mask(0.05))
    assert found.reasons == ("network and pseudo label agree on 17% of the objects",)
    assert doubt_of("x", mask(0.3), ["cat"], CLASSES, mask(0.28)).score == 0


def test_ignored_pixels_take_no_part_in_the_agreement() -> None:
    other = mask(0.3)
    other[:30] = 255
    assert foreground_agreement(mask(0.3), other) == 1


def test_the_most_doubtful_comes_first(tmp_path: Path) -> None:
    shown = {"fine": mask(0.3), "missing": mask(0.0), "foreign": mask(0.3, 0.01)}
    for name, label_map in shown.items():
        write_label_map(tmp_path / f"{name}.png", label_map)
    tags = {name: ["cat"] for name in [*shown, "not predicted"]}
    found = doubts(lambda one: tmp_path / f"{one}.png", lambda one: tmp_path / "none", tags, CLASSES)
    assert [one.id for one in found] == ["missing", "foreign", "fine"]
    cat, dog = agreement_by_class(found, tags, CLASSES)
    assert (cat.tagged, cat.found, cat.both, round(cat.mean_area, 3)) == (3, 2, 2, 0.3)
    assert (dog.tagged, dog.found, dog.both) == (0, 1, 0)
