"""Saliency maps of 0..1 are told from those of 0..255 over all maps, and every reader takes them alike."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.dataset import with_saliency
from common.data.images import read_saliency
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.saliency_levels import stated_source, stated_storage
from common.errors import DataError

SQUARE = np.array([[0, 0, 0], [0, 1, 1]], np.uint8)


def dataset(root: Path, maps: dict[str, np.ndarray], largest: int = 0, suffix: str = ".png") -> DatasetLayout:
    for folder in ("images", "saliency"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, levels in maps.items():
        Image.new("RGB", (3, 2)).save(root / f"images/{name}.jpg")
        Image.fromarray(levels).save(root / f"saliency/{name}{suffix}")
    (root / "tags.csv").write_text("".join(f"{name},cat\n" for name in maps))
    return open_layout(DataConfig(dataset="folder", root=str(root), saliency_largest=largest))  # type: ignore[arg-type]


def test_maps_of_zero_and_one_are_scaled_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layout = dataset(tmp_path, {"a": SQUARE, "b": 0 * SQUARE})
    assert layout.saliency_top == 1
    assert (layout.read_saliency("a") == 255 * SQUARE).all()
    assert with_saliency(layout, ["a"])[0]["saliency"].max() == 255
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(layout.saliency) in said and "none of 2 goes above 1" in said


@pytest.mark.parametrize("other", [255 * SQUARE, 2 * SQUARE])
def test_one_map_above_1_shows_that_all_are_grey_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: np.ndarray
) -> None:
    layout = dataset(tmp_path, {"a": SQUARE, "b": 0 * SQUARE, "c": other})
    assert layout.saliency_top == 255
    assert (layout.read_saliency("a") == SQUARE).all()
    assert capsys.readouterr().err == ""


def test_maps_of_the_validation_list_count_too(tmp_path: Path) -> None:
    layout = dataset(tmp_path, {"a": SQUARE, "v": 255 * SQUARE})
    (tmp_path / "val.txt").write_text("v\n")
    layout = open_layout(DataConfig(dataset="folder", root=str(tmp_path)))
    assert layout.ids("train") == ["a"] and layout.saliency_top == 255


def test_empty_maps_alone_are_grey_levels(tmp_path: Path) -> None:
    assert dataset(tmp_path, {"a": 0 * SQUARE}).saliency_top == 255


def test_a_file_that_no_list_names_does_not_count(tmp_path: Path) -> None:
    layout = dataset(tmp_path, {"a": SQUARE})
    Image.fromarray(255 * SQUARE).save(tmp_path / "saliency/preview.png")
    assert layout.saliency_top == 1


@pytest.mark.parametrize(("largest", "expected"), [(1, 255), (255, 1)])
def test_the_setting_decides(tmp_path: Path, largest: int, expected: int) -> None:
    assert dataset(tmp_path, {"a": SQUARE}, largest).read_saliency("a").max() == expected


def test_floating_point_maps_are_read_in_either_range(tmp_path: Path) -> None:
    unit = dataset(tmp_path / "unit", {"a": SQUARE * np.float32(0.5)}, suffix=".tif")
    assert unit.read_saliency("a").tolist() == (128 * SQUARE).tolist()
    grey = dataset(tmp_path / "grey", {"a": SQUARE * np.float32(200)}, suffix=".tif")
    assert grey.read_saliency("a").dtype == np.uint8 and grey.read_saliency("a").tolist() == (200 * SQUARE).tolist()


@pytest.mark.parametrize(("value", "largest"), [(np.nan, 1), (-0.5, 1), (300, 255), (1.5, 1)])
def test_values_of_another_range_are_refused_by_name(tmp_path: Path, value: float, largest: int) -> None:
    Image.fromarray(SQUARE * np.float32(value)).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif holds values from .* data\.saliency_largest"):
        read_saliency(tmp_path / "a.tif", largest=largest)


def test_results_of_grey_levels_say_what_they_always_said() -> None:
    assert (stated_source("PoolNet", 255), stated_storage(255)) == ("PoolNet", {})
    assert stated_source("PoolNet", 1) == "PoolNet (maps stored as 0..1, times 255)"
    assert stated_storage(1) == {"saliency_largest": 1}
