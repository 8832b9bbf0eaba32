"""Photographs with hard names, and label maps with all that gets lost on the way: holes, single pixels, touching and absent classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.palette import write_label_map

CLASSES = ("cat", "hot dog", "日本の犬", "never there", "Ärger, 2")
# 300 is an odd size; 1x1 the smallest there is.
SIZES = {
    "my cat 1": (37, 23),
    "sub/x, y": (5, 64),
    "日本 3": (40, 40),
    "one": (1, 1),
    "nothing": (9, 12),
    "a.b": (20, 31),
}


class ExchangeSet:
    """``images`` and ``masks``: folders; ``maps``: id -> label map, uint8 H x W."""

    def __init__(self, root: Path) -> None:
        self.root, self.images, self.masks = root, root / "photos", root / "masks"
        self.maps = {name: label_map_of(name, *size) for name, size in SIZES.items()}
        self.classes = root / "labels.txt"
        self.classes.write_text("".join(f"{number}\t{name}\n" for number, name in enumerate(("background", *CLASSES))))
        for name, label_map in self.maps.items():
            file = self.images / f"{name}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((*label_map.shape, 3), np.uint8)).save(file)
            write_label_map(self.masks / f"{name}.png", label_map)


def label_map_of(name: str, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(sum(map(ord, name)))
    if name == "nothing":
        return np.zeros((height, width), np.uint8)
    if name == "one":
        return np.full((1, 1), 2, np.uint8)
    label_map = np.zeros((height, width), np.uint8)
    for label in (1, 2, 3, 5, 255):
        top, left = rng.integers(0, height), rng.integers(0, width)
        label_map[top : top + height // 2 + 1, left : left + width // 2 + 1] = label
        label_map[top + 2 : top + 4, left + 2 : left + 4] = 0
    single = rng.integers(0, label_map.size, 12)
    label_map.flat[single] = rng.choice([0, 1, 2, 3, 5], 12)
    return label_map


@pytest.fixture
def exchanged(tmp_path: Path) -> ExchangeSet:
    return ExchangeSet(tmp_path)
