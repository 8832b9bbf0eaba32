"""What the check of photographs says of their classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.check import main
from common.data.tags_csv import csv_class_names, read_csv_names


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    (root / "images").mkdir(parents=True)
    rows = [(f"i{n}", "traffic light") for n in range(12)] + [("x", "trafic light"), ("y", "bus")]
    for name, _ in rows:
        Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(root / "images" / f"{name}.png")
    (root / "tags.csv").write_text("".join(f'{name},"{tag}"\n' for name, tag in rows))
    return root


def test_images_per_class_rare_and_misspelled_names_are_said(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(dataset), "--quick"])
    said = capsys.readouterr().out
    assert "per class:   traffic light 12, " in said
    assert "note: classes with fewer than 10 images, which hardly teach them\n    bus (1)" in said
    assert "--mend FILE writes the tags with them replaced\n    'trafic light' (1) for 'traffic light' (12)" in said
    assert not (dataset / "mended.csv").exists()


def test_the_mended_file_has_the_names_that_were_meant(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mended = dataset.parent / "mended.csv"
    main([str(dataset), "--quick", "--mend", str(mended)])
    assert f"mended tags: {mended}" in capsys.readouterr().out
    assert csv_class_names(mended) == ("bus", "traffic light")
    assert read_csv_names(mended, ("bus", "traffic light"))["x"] == ["traffic light"]


def test_nothing_is_mended_where_nothing_looks_wrong(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "tags.csv").write_text("i1,bus\ni2,bus\n")
    main([str(dataset), "--quick", "--mend", str(dataset.parent / "mended.csv")])
    assert "mended tags: not written" in capsys.readouterr().out and not (dataset.parent / "mended.csv").exists()
