"""The benchmark of training items does the same work twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.bench import items
from common.bench.__main__ import main
from common.errors import ToolboxError


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(items, "SIZE", (48, 64))
    items.write_photographs(tmp_path, 6)
    return tmp_path


@pytest.mark.parametrize("workers", [0, 1])
def test_both_ways_make_the_same_items_and_are_timed(photographs: Path, workers: int) -> None:
    comparison = items.compare_items(photographs, 6, 41, workers, repeats=1)
    assert comparison.seconds > 0 and comparison.peer_seconds > 0
    assert comparison.work.startswith("6 training items, crop 41")


def test_a_disagreement_is_an_error(photographs: Path) -> None:
    item = items.OurItems(photographs, 6, 41)[0]
    with pytest.raises(ToolboxError, match="the items differ by"):
        items.require_equal(item, {**item, "image": item["image"] + 1})
    with pytest.raises(ToolboxError, match="the items differ"):
        items.require_equal(item, {**item, "mask": item["mask"] + 1})
    items.require_equal(item, {name: value.clone() for name, value in item.items() if isinstance(value, torch.Tensor)})


def test_the_command_prints_a_ratio_for_each_number_of_workers(capsys: pytest.CaptureFixture[str]) -> None:
    main(["items", "--images", "2", "--crop", "33", "--workers", "0", "1", "--repeats", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "2 training items, crop 33, in one process",
        "2 training items, crop 33, 1 workers",
    ]
    assert all("times faster" in line and "deeplab-pytorch's loader" in line for line in lines)
