"""Photographs and tags that change between two calls are said by name, before the run is touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError, InUseError
from common.own.__main__ import main, parse_own
from common.own.chain import clear_results, outputs_of
from common.own.changed import require_unchanged, take_away_outdated
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


def test_a_photograph_that_another_file_replaces_is_a_change(begun: Path) -> None:
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(begun / "03.png", compress_level=0)
    with pytest.raises(ConfigError, match=r"1 replaced by another file \(03\)"):
        main([str(begun)])


def test_what_was_made_of_a_replaced_photograph_without_tags_goes(begun: Path) -> None:
    out = begun.with_name("photos_masks")
    write_photographs(begun, {**ROWS, "loose": "cat", "kept": "cat"})
    write_photographs(begun, ROWS)
    found = find_photographs(begun)
    write_dataset(out / "dataset", found, hold_out(found.tags, 0.1, 0), {})
    for name in ("loose", "kept", "00"):
        (out / "masks").mkdir(exist_ok=True)
        (out / "masks" / f"{name}.png").touch()
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(begun / "loose.png", compress_level=0)
    take_away_outdated(out / "dataset", find_photographs(begun), outputs_of(out))
    assert sorted(path.stem for path in (out / "masks").iterdir()) == ["00", "kept"]


def test_results_of_an_earlier_network_go_and_what_else_lies_there_stays(tmp_path: Path) -> None:
    for name in (
        "masks/stage.json",
        "masks/a.png",
        "with_true_masks_1/labels/stage.json",
        "overlays/mine.jpg",
        "run/x",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    clear_results(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["overlays", "run"]


def test_a_second_call_changes_nothing_under_the_first(begun: Path) -> None:
    out = begun.with_name("photos_masks")
    lists = (out / "dataset" / "train.txt").read_bytes()
    child = subprocess.Popen(
        [sys.executable, "-c", f"""
from pathlib import Path
from common.locks import CHAIN_LOCK, only_writer
with only_writer(Path({str(out)!r}), name=CHAIN_LOCK):
    print("has it", flush=True)
    input()
"""],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdout.readline() == "has it\n"
        with pytest.raises(InUseError, match="is being written by process"):
            main([str(begun), "--hold-out", "0.3"])
    finally:
        child.communicate("\n")
    assert (out / "dataset" / "train.txt").read_bytes() == lists
