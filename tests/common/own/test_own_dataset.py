"""Photographs as a dataset of the toolbox: names that are hard to write down, images held back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.layout import DataConfig, open_layout
from common.errors import DataError
from common.own.dataset import hold_out, link_folder, write_dataset
from common.own.photographs import Photographs

NAMES = {
    "my cat 1": ["cat"],
    "my cat 2": ["cat", "hot dog"],
    "sub/x, y": ["hot dog"],
    "日本 3": ["cat"],
    'say "hi"; 4': [],
}


def test_hard_names_come_back_as_they_were(tmp_path: Path) -> None:
    images = tmp_path / "photos"
    for name in NAMES:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(images / f"{name}.png")
    found = Photographs(images, NAMES, ("cat", "hot dog"), "tags", (), ())
    write_dataset(tmp_path / "dataset", found, (list(NAMES)[:4], list(NAMES)[4:]), {})
    layout = open_layout(DataConfig(dataset="folder", root=str(tmp_path / "dataset")))
    assert (layout.ids("train"), layout.ids("val")) == (list(NAMES)[:4], list(NAMES)[4:])
    tags = layout.read_tags(list(NAMES))
    assert {one: [layout.classes[k] for k in tags[one].nonzero()[0]] for one in NAMES} == NAMES
    assert all(layout.image_path(one).is_file() for one in NAMES)


def test_every_class_keeps_half_of_its_images() -> None:
    tags = {f"{n}": ["cat"] for n in range(20)} | {"rare1": ["dog"], "rare2": ["dog"]}
    for seed in range(20):
        training, held = hold_out(tags, 0.4, seed)
        assert len(held) == 9 and sorted([*training, *held]) == sorted(tags)
        assert sum("dog" in tags[one] for one in training) >= 1
        assert sum("cat" in tags[one] for one in training) >= 10


def test_the_same_seed_holds_the_same_images_back() -> None:
    tags = {f"{n}": ["cat"] for n in range(50)}
    assert hold_out(tags, 0.1, 3) == hold_out(tags, 0.1, 3) != hold_out(tags, 0.1, 4)


def test_a_folder_in_the_place_of_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="in the way"):
        link_folder(tmp_path / "images", tmp_path)
