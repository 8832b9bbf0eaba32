"""Masks from annotation tools: their own spellings, shapes and sizes, and what is refused by name."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.errors import DataError
from common.exchange.images import ImagesByName
from common.exchange.reading import ReadMasks, read_masks
from common.files import write_json

CLASSES = ("cat", "dog")
HEIGHT, WIDTH = 6, 8
NEEDS_COCO = "pycocotools is not installed (extra coco)"


@pytest.fixture
def images(tmp_path: Path) -> ImagesByName:
    """a, sub/b: 6 x 8; turned: stored 8 x 6, upright 6 x 8."""
    for name in ("a", "sub/b", "turned"):
        file = tmp_path / "photos" / f"{name}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        size = (HEIGHT, WIDTH) if name == "turned" else (WIDTH, HEIGHT)
        if name == "turned":
            exif[0x0112] = 6
        Image.new("RGB", size).save(file, exif=exif)
    return ImagesByName(tmp_path / "photos")


def read(source: Path, images: ImagesByName) -> tuple[ReadMasks, dict[str, list[list[int]]]]:
    out = images.folder.parent / "out"
    found = read_masks(source, images, CLASSES, out)
    return found, {one: read_label_map(out / f"{one}.png").tolist() for one in found.ids}


def box(top: int, left: int, bottom: int, right: int, label: int, start: np.ndarray | None = None) -> np.ndarray:
    """Rows top..bottom and columns left..right, all included."""
    label_map = np.zeros((HEIGHT, WIDTH), np.uint8) if start is None else start.copy()
    label_map[top : bottom + 1, left : right + 1] = label
    return label_map


# --- CVAT ---


def cvat(folder: Path, lines: str, masks: dict[str, Image.Image]) -> Path:
    (folder / "SegmentationClass").mkdir(parents=True)
    (folder / "labelmap.txt").write_text(lines)
    for name, mask in masks.items():
        mask.save(folder / "SegmentationClass" / f"{name}.png")
    return folder


def test_colours_mean_what_the_labelmap_says_and_not_their_number(tmp_path: Path, images: ImagesByName) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[0], picture[1], picture[2], picture[3] = (250, 50, 83), (51, 221, 255), (1, 2, 3), (9, 9, 9)
    lines = "# label:color_rgb:parts:actions\nbackground:1,2,3::\nVoid:9,9,9::\ndog:250,50,83::\ncat:51,221,255::\n"
    source = cvat(tmp_path / "c", lines, {"a": Image.fromarray(picture)})
    assert read(source, images)[1]["a"] == [[2] * 8, [1] * 8, [0] * 8, [255] * 8, [0] * 8, [0] * 8]


def test_a_palette_png_counts_by_its_colours_and_a_grey_one_by_the_lines(tmp_path: Path, images: ImagesByName) -> None:
    numbers = box(0, 0, 1, 1, 7)
    palette = Image.fromarray(numbers)
    palette.putpalette([0, 0, 0] * 7 + [5, 6, 7])
    grey = Image.fromarray(box(0, 0, 1, 1, 2))
    source = cvat(tmp_path / "c", "background:0,0,0::\ncat:1,1,1::\ndog:5,6,7::\n", {"a": palette, "b": grey})
    found = read(source, images)[1]
    assert found["a"] == found["sub/b"] == box(0, 0, 1, 1, 2).tolist()


def test_lines_without_colours_have_those_of_voc(tmp_path: Path, images: ImagesByName) -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[0] = (0, 128, 0)
    source = cvat(tmp_path / "c", "background:::\ncat:::\ndog:::\n", {"a": Image.fromarray(picture)})
    assert read(source, images)[1]["a"] == box(0, 0, 0, 7, 2).tolist()


def test_a_class_that_is_not_there_is_named_where_a_pixel_has_it(tmp_path: Path, images: ImagesByName) -> None:
    lines = "background:0,0,0::\ncat:9,9,9::\ndgo:5,6,7::\n"
    fine = cvat(tmp_path / "fine", lines, {"a": Image.new("RGB", (WIDTH, HEIGHT), (9, 9, 9))})
    assert read(fine, images)[0].ids == ("a",)
    wrong = cvat(tmp_path / "wrong", lines, {"a": Image.new("RGB", (WIDTH, HEIGHT), (5, 6, 7))})
    with pytest.raises(DataError, match=r"a\.png: 'dgo' is none of the classes \(cat, dog\)"):
        read(wrong, images)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("cat:9,9,9::\n", r"a\.png has the colour 5,6,7, which labelmap.txt does not list"),
        ("cat:5,6::\n", r"labelmap\.txt line 1: 'cat:5,6::' is not name:r,g,b::"),
        ("cat:5,6,256::\n", "with a colour of 0 to 255"),
        ("cat:5,6,7::\ndog:5,6,7::\n", "line 2: 'dog' has the colour of 'cat'"),
    ],
)
def test_a_wrong_labelmap_is_refused(tmp_path: Path, images: ImagesByName, lines: str, message: str) -> None:
    source = cvat(tmp_path / "c", lines, {"a": Image.new("RGB", (WIDTH, HEIGHT), (5, 6, 7))})
    with pytest.raises(DataError, match=message):
        read(source, images)


# --- COCO ---


def coco(tmp_path: Path, *segmentations: object, file_name: str = "a.jpg", **record: object) -> Path:
    content = {
        "images": [{"id": 7, "file_name": file_name, "height": HEIGHT, "width": WIDTH, **record}],
        "categories": [{"id": 40, "name": "dog"}, {"id": 2, "name": "cat"}, {"id": 5, "name": "dgo"}],
        "annotations": [
            {"id": n, "image_id": 7, "category_id": category, "segmentation": one}
            for n, (category, one) in enumerate(segmentations)
        ],
    }
    write_json(tmp_path / "x.json", content)
    return tmp_path / "x.json"


def runs(label_map: np.ndarray) -> dict[str, object]:
    """Run lengths as numbers, down the columns."""
    flat = np.concatenate([[0], (label_map > 0).T.ravel(), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return {"size": list(label_map.shape), "counts": np.diff([0, *edges, label_map.size]).tolist()}


def test_run_lengths_as_numbers_and_polygons_are_drawn_in_order(tmp_path: Path, images: ImagesByName) -> None:
    pytest.importorskip("pycocotools.mask", reason=NEEDS_COCO)
    square = [[1, 1, 5, 1, 5, 4, 1, 4], [6, 0, 8, 0, 8, 1, 6, 1]]
    source = coco(tmp_path, (2, square), (40, runs(box(2, 3, 5, 6, 1))))
    expected = box(2, 3, 5, 6, 2, box(0, 6, 0, 7, 1, box(1, 1, 3, 4, 1)))
    assert read(source, images)[1]["a"] == expected.tolist()


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ((5, runs(box(0, 0, 1, 1, 1))), r"annotation 0 of a.jpg: 'dgo' is none of the classes"),
        ((2, {"size": [HEIGHT, WIDTH], "counts": [3, 4]}), "do not add up to 6x8 pixels"),
        ((2, {"size": [HEIGHT, WIDTH], "counts": [-3, 51]}), "do not add up to 6x8 pixels"),
        ((2, {"size": [HEIGHT, WIDTH], "counts": ""}), "do not add up to 6x8 pixels"),
        ((2, {"size": [HEIGHT, WIDTH], "counts": "zz"}), "damaged run lengths"),
        ((2, {"size": [HEIGHT, WIDTH], "counts": "o" * 5000 + "0"}), "damaged run lengths"),
        ((2, {"size": [60000, 60000], "counts": "0"}), "neither polygons nor run lengths of size 6x8"),
        ((2, [[0, 0, 1e30, 0, 5, 5]]), "a polygon that is no list of at least three points of the image"),
        ((2, [[0, 0, 1, 1]]), "no list of at least three points"),
        ((2, None), "annotation 0 of a.jpg has no region, only a box"),
        ((2, []), "annotation 0 of a.jpg has no region, only a box"),
        ((2, "box"), "neither polygons nor run lengths"),
    ],
)
def test_a_damaged_annotation_is_named(
    tmp_path: Path, images: ImagesByName, segmentation: tuple[int, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(coco(tmp_path, segmentation), images)


def test_an_image_without_annotations_is_not_taken_for_an_empty_one(tmp_path: Path, images: ImagesByName) -> None:
    with pytest.raises(DataError, match=r"x\.json \(COCO\) has no mask of an image .*: nothing is annotated in it"):
        read(coco(tmp_path), images)


def test_what_is_not_where_the_form_has_it_is_one_line(tmp_path: Path, images: ImagesByName) -> None:
    source = coco(tmp_path, (77, runs(box(0, 0, 1, 1, 1))))
    with pytest.raises(DataError, match=r"x\.json cannot be read: something in it is not where .*KeyError\(77\)"):
        read(source, images)


# --- labelme ---


def labelme(folder: Path, *shapes: dict[str, object], name: str = "a", **more: object) -> Path:
    content = {"shapes": [{"shape_type": "polygon", **one} for one in shapes], "imagePath": f"elsewhere/{name}.jpg"}
    write_json(folder / f"{name}.json", {**content, **more})
    return folder


def png(array: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_shapes_that_cover_an_area_are_drawn_in_order(tmp_path: Path, images: ImagesByName) -> None:
    source = labelme(
        tmp_path / "j",
        {"label": "cat", "points": [[1, 1], [6, 1], [6, 4], [1, 4]]},
        {"label": "_background_", "points": [[3, 2], [2.0, 3.0]], "shape_type": "rectangle"},
        {
            "label": "dog",
            "points": [[5, 4], [6, 5]],
            "shape_type": "mask",
            "mask": png(np.array([[1, 0], [1, 1]], np.uint8)),
        },
    )
    expected = box(2, 2, 3, 3, 0, box(1, 1, 4, 6, 1))
    expected[4, 5] = expected[5, 5] = expected[5, 6] = 2
    found, maps = read(source, images)
    assert (found.form, maps["a"]) == ("labelme", expected.tolist())


def test_a_file_without_shapes_is_an_image_that_shows_nothing(tmp_path: Path, images: ImagesByName) -> None:
    labelme(tmp_path / "j", name="a")
    source = labelme(tmp_path / "j", name="b")
    assert read(source, images)[1] == {name: box(0, 0, 0, 0, 0).tolist() for name in ("a", "sub/b")}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"label": "dgo", "points": [[0, 0], [1, 0], [1, 1]]}, r"shape 1 \('dgo'\): 'dgo' is none of the classes"),
        ({"label": "cat", "points": [[0, 0], [1, 0]], "shape_type": "line"}, "is a line, which covers no area"),
        ({"label": "cat", "points": [[0, 0], [1, 0]]}, "is a polygon of 2 points; 3 are the least"),
        ({"label": "cat", "points": [[0, 0], [1e9, 0], [1, 1]]}, "points far outside of the image"),
        ({"label": "cat", "points": [[0, 0], [1, 1]], "shape_type": "mask", "mask": "no"}, "no PNG of one channel"),
        (
            {"label": "cat", "points": [[0, 0], [2, 2]], "shape_type": "mask", "mask": png(np.ones((2, 2), np.uint8))},
            "another size than its box",
        ),
        (
            {"label": "cat", "points": [[7, 5], [8, 6]], "shape_type": "mask", "mask": png(np.ones((2, 2), np.uint8))},
            "or outside of the image",
        ),
    ],
)
def test_a_shape_that_is_no_region_is_named(
    tmp_path: Path, images: ImagesByName, shape: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(labelme(tmp_path / "j", shape), images)


# --- plain label maps, sizes, names ---


def plain(folder: Path, label_map: np.ndarray, name: str = "a") -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(label_map).save(folder / f"{name}.png")
    return folder


def test_numbers_are_those_of_the_run_or_of_the_names_beside_them(tmp_path: Path, images: ImagesByName) -> None:
    source = plain(tmp_path / "m", box(0, 0, 1, 1, 1))
    assert read(source, images)[1]["a"] == box(0, 0, 1, 1, 1).tolist()
    (source / "labels.txt").write_text("0\tbackground\n1\tdog\n2\tcat\n")
    assert read(source, images)[1]["a"] == box(0, 0, 1, 1, 2).tolist()


def test_a_number_without_a_class_is_refused(tmp_path: Path, images: ImagesByName) -> None:
    with pytest.raises(DataError, match=r"a\.png has label 3; there are 3: 0 to 2"):
        read(plain(tmp_path / "m", box(0, 0, 1, 1, 3)), images)


@pytest.mark.parametrize("form", ["plain", "coco", "labelme", "cvat"])
def test_a_mask_on_its_side_is_refused_with_the_reason(tmp_path: Path, images: ImagesByName, form: str) -> None:
    sideways = np.ones((WIDTH, HEIGHT), np.uint8)
    if form == "plain":
        source = plain(tmp_path / "m", sideways, "turned")
    elif form == "coco":
        source = coco(tmp_path, (2, runs(sideways)), file_name="turned.jpg", height=WIDTH, width=HEIGHT)
    elif form == "labelme":
        source = labelme(tmp_path / "m", name="turned", imageHeight=WIDTH, imageWidth=HEIGHT)
    else:
        source = cvat(tmp_path / "m", "cat:1,1,1::\n", {"turned": Image.new("RGB", (HEIGHT, WIDTH), (1, 1, 1))})
    with pytest.raises(
        DataError, match="mask of 'turned' is 8x6 but the image is 6x8 .*EXIF orientation of turned.jpg"
    ):
        read(source, images)


def test_masks_lie_on_the_upright_photograph(tmp_path: Path, images: ImagesByName) -> None:
    assert read(plain(tmp_path / "m", box(0, 0, 1, 1, 1), "turned"), images)[1]["turned"] == box(0, 0, 1, 1, 1).tolist()


def test_masks_of_other_images_are_counted_and_nothing_but_these_is_refused(
    tmp_path: Path, images: ImagesByName
) -> None:
    source = plain(tmp_path / "m", box(0, 0, 1, 1, 1), "z")
    with pytest.raises(DataError, match=r"no mask of an image in .*: they are of z, the images are a, sub/b, turned"):
        read(source, images)
    assert read(plain(source, box(0, 0, 1, 1, 1)), ImagesByName(images.folder))[0].without_image == ("z",)


def test_two_masks_of_one_image_and_masks_without_labels_are_refused(tmp_path: Path, images: ImagesByName) -> None:
    plain(tmp_path / "m", box(0, 0, 1, 1, 1), "b")
    (tmp_path / "m" / "sub").mkdir()
    plain(tmp_path / "m" / "sub", box(0, 0, 1, 1, 1), "b")
    with pytest.raises(DataError, match="two masks of 'sub/b'"):
        read(tmp_path / "m", images)
    with pytest.raises(DataError, match="not one pixel of the mask of 'a' has a label"):
        read(plain(tmp_path / "n", np.full((HEIGHT, WIDTH), 255, np.uint8)), images)


@pytest.mark.parametrize("content", ["[]", json.dumps({"a": 1}), "{"])
def test_other_json_is_refused_by_name(tmp_path: Path, images: ImagesByName, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataError, match=r"x\.json"):
        read(tmp_path / "x.json", images)
