"""What goes out comes back equal on every pixel, in every form."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.errors import ConfigError, DataError
from common.exchange.__main__ import main

CLASSES = ("cat", "hot dog", "日本の犬", "never there", "Ärger, 2")
COCO = pytest.param(
    "coco",
    "x.json",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("pycocotools") is None, reason="pycocotools is not installed (extra coco)"
    ),
)
FORMS = [COCO, ("cvat", "x.zip"), ("labelme", "json"), ("png", "png")]


def back(exchanged, source: Path, name: str = "back") -> dict[str, np.ndarray]:
    out = exchanged.root / name
    known = ["--images", str(exchanged.images), "--classes", str(exchanged.classes)]
    assert main([str(source), "--as", "png", "--out", str(out), *known]) == 0
    return {path.relative_to(out).with_suffix("").as_posix(): read_label_map(path) for path in out.rglob("*.png")}


@pytest.mark.parametrize(("form", "place"), FORMS)
@pytest.mark.parametrize("more", [[], ["--components"]])
def test_equal_on_every_pixel(exchanged, form: str, place: str, more: list[str]) -> None:
    out = exchanged.root / place
    assert main([str(exchanged.masks), "--as", form, "--out", str(out), "--images", str(exchanged.images), *more]) == 0
    found = back(exchanged, out)
    # COCO has no way to say that an image was looked at and shows nothing.
    expected = {name for name in exchanged.maps if form != "coco" or name != "nothing"}
    assert set(found) == expected
    for name in expected:
        np.testing.assert_array_equal(found[name], exchanged.maps[name], err_msg=name)


def test_an_unpacked_archive_reads_as_the_archive(exchanged) -> None:
    main([str(exchanged.masks), "--as", "cvat", "--out", str(exchanged.root / "x.zip")])
    with zipfile.ZipFile(exchanged.root / "x.zip") as archive:
        archive.extractall(exchanged.root / "unpacked" / "task")
        ids = archive.read("ImageSets/Segmentation/default.txt").decode().splitlines()
        assert archive.read("labelmap.txt").decode().splitlines()[:2] == [
            "# label:color_rgb:parts:actions",
            "background:0,0,0::",
        ]
    assert sorted(ids) == sorted(exchanged.maps)
    assert {name: one.tolist() for name, one in back(exchanged, exchanged.root / "unpacked").items()} == {
        name: one.tolist() for name, one in exchanged.maps.items()
    }


def test_objects_are_pieces_where_asked_for(exchanged) -> None:
    for more in ([], ["--components"]):
        out = exchanged.root / f"{len(more)}.zip"
        main([str(exchanged.masks), "--as", "cvat", "--out", str(out), *more])
        with zipfile.ZipFile(out) as archive, archive.open("SegmentationObject/日本 3.png") as file:
            colours = len(np.unique(np.asarray(Image.open(file)).reshape(-1, 3), axis=0))
        of_classes = len(np.unique(exchanged.maps["日本 3"]))
        assert colours > of_classes if more else colours == of_classes


def test_labelme_names_the_image_from_where_the_file_lies(exchanged) -> None:
    main(
        [str(exchanged.masks), "--as", "labelme", "--out", str(exchanged.root / "j"), "--images", str(exchanged.images)]
    )
    file = exchanged.root / "j" / "sub" / "x, y.json"
    content = json.loads(file.read_text())
    assert content["imagePath"] == "../../photos/sub/x, y.jpg" and (file.parent / content["imagePath"]).is_file()
    assert {one["shape_type"] for one in content["shapes"]} == {"mask"} and content["imageData"] is None


@pytest.mark.parametrize("components", [False, True])
def test_pycocotools_reads_what_was_written(exchanged, components: bool) -> None:
    package = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (extra coco)")
    out = exchanged.root / "x.json"
    main(
        [str(exchanged.masks), "--as", "coco", "--out", str(out), "--images", str(exchanged.images)]
        + ["--components"] * components
    )
    content = json.loads(out.read_text())
    names = {one["id"]: one["file_name"] for one in content["images"]}
    assert [one["name"] for one in content["categories"]] == [*CLASSES, "ignore"]
    assert set(names.values()) == {f"{name}.jpg" for name in exchanged.maps}
    drawn = {name: np.zeros_like(one) for name, one in exchanged.maps.items()}
    for one in content["annotations"]:
        region = np.array(package.decode([one["segmentation"]])[..., 0], bool)
        assert region.sum() == one["area"] and list(package.toBbox(one["segmentation"])) == one["bbox"]
        assert one["iscrowd"] == (0 if components else 1)
        drawn[names[one["image_id"]].removesuffix(".jpg")][region] = min(one["category_id"], 6)
    for name, label_map in exchanged.maps.items():
        np.testing.assert_array_equal(drawn[name], np.where(label_map == 255, 6, label_map))


def test_a_list_says_which_masks_go_out(exchanged) -> None:
    (exchanged.root / "ids.txt").write_text('"my cat 1"\n"one"\n')
    ids = ["--ids", str(exchanged.root / "ids.txt")]
    main([str(exchanged.masks), "--as", "cvat", "--out", str(exchanged.root / "x.zip"), *ids])
    assert set(back(exchanged, exchanged.root / "x.zip")) == {"my cat 1", "one"}


def test_classes_and_images_of_a_run_are_found(exchanged) -> None:
    (exchanged.root / "dataset").mkdir()
    (exchanged.root / "dataset" / "images").symlink_to(exchanged.images)
    assert main([str(exchanged.masks), "--as", "labelme", "--out", str(exchanged.root / "j")]) == 0
    assert (exchanged.root / "j" / "sub" / "x, y.json").is_file()


def test_what_is_there_is_not_written_over(exchanged) -> None:
    (exchanged.root / "x.zip").write_text("mine")
    with pytest.raises(ConfigError, match="x.zip is there already; .*--force"):
        main([str(exchanged.masks), "--as", "cvat", "--out", str(exchanged.root / "x.zip")])
    assert main([str(exchanged.masks), "--as", "cvat", "--force", "--out", str(exchanged.root / "x.zip")]) == 0


@pytest.mark.parametrize(("form", "ending"), [("coco", ".json"), ("cvat", ".zip")])
def test_one_file_has_its_ending(exchanged, form: str, ending: str) -> None:
    with pytest.raises(ConfigError, match=f"let its name end with {ending}"):
        main([str(exchanged.masks), "--as", form, "--out", str(exchanged.root / "x")])


def test_the_folder_of_a_run_is_told_from_its_masks(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "labels.txt").write_text("0\tbackground\n1\tcat\n")
    with pytest.raises(ConfigError, match="is the folder of a run, whose masks lie in .*masks; give that"):
        main([str(tmp_path), "--as", "cvat", "--out", str(tmp_path / "x.zip")])
    with pytest.raises(DataError, match="there are no masks .*nowhere"):
        main([str(tmp_path / "nowhere"), "--as", "cvat", "--out", str(tmp_path / "x.zip")])
