"""Photographs and tags that change between two calls are said by name, before the run is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError
from common.own.__main__ import main, parse_own
from common.own.changed import require_unchanged
from common.own.dataset import hold_out, write_dataset
from common.own.photographs import find_photographs

ROWS = {f"{number:02d}": "cat dog"[4 * (number % 2) :][:3] for number in range(12)}


def write_photographs(folder: Path, rows: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name in rows:
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(folder / f"{name}.png")
    (folder / "tags.csv").write_text("".join(f"{name}.png;{tag}\n" for name, tag in rows.items()))


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Photographs, and beside them the output folder of a run that was begun on them."""
    folder = tmp_path / "photos"
    write_photographs(folder, ROWS)
    found = find_photographs(folder)
    (tmp_path / "photos_masks" / "run").mkdir(parents=True)
    write_dataset(tmp_path / "photos_masks" / "dataset", found, hold_out(found.tags, 0.1, 0), {})
    return folder


def test_the_same_photographs_and_new_ones_without_tags_are_no_change(begun: Path) -> None:
    write_photographs(begun, {**ROWS, "untagged": "cat"})
    write_photographs(begun, ROWS)
    require_unchanged(begun.with_name("photos_masks") / "dataset", find_photographs(begun))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"99": "cat"}, r"1 new \(99\)"),
        ({"00": "dog", "02": "dog"}, r"2 with other tags \(00, 02\)"),
        ({"00": None}, r"1 gone \(00\)"),
    ],
)
def test_a_change_is_named_before_anything_is_written(begun: Path, change: dict[str, str | None], said: str) -> None:
    lists = begun.with_name("photos_masks") / "dataset" / "train.txt"
    before = lists.read_bytes()
    write_photographs(begun, {name: tag for name, tag in {**ROWS, **change}.items() if tag})
    with pytest.raises(ConfigError, match=rf"begun with other photographs or tags: {said}\. --force makes it anew"):
        main([str(begun)])
    assert lists.read_bytes() == before


def test_force_is_a_flag_of_its_own(tmp_path: Path) -> None:
    arguments, rest = parse_own([str(tmp_path), "--force", "--max-steps", "3"])
    assert arguments.force and rest == ["--max-steps", "3"]
