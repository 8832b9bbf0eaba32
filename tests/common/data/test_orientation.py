"""Photographs that are not stored upright: own folders are read upright, VOC, COCO and the toy set as stored, and the check says so."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from common.data.check import main
from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.errors import DataError
from common.method.score import evaluate_labels
from common.metrics.__main__ import main as score

ORIENTATIONS = range(1, 9)
PARTS = ("mask", "saliency")
SIZE = (8, 12)


def exif(orientation):
    content = Image.Exif()
    content[0x0112] = orientation
    return content


def object_of(size):
    """An object off the middle, uint8 [H, W] of 0 and 1."""
    labels = np.zeros(size, np.uint8)
    labels[1:4, 2:9] = 1
    return labels


def upright_object(orientation):
    """The object as a viewer shows it."""
    buffer = io.BytesIO()
    Image.fromarray(object_of(SIZE)).save(buffer, "PNG", exif=exif(orientation))
    return np.array(ImageOps.exif_transpose(Image.open(buffer)))


def make(root, layout, orientations=ORIENTATIONS, upright_maps=True):
    """Photographs of an object, one per orientation; mask and saliency drawn on the image as shown, or as stored."""
    images, masks = (root / name for name in layout)
    for folder in (images, masks, root / "saliency"):
        folder.mkdir(parents=True)
    for orientation in orientations:
        pixels = np.repeat(object_of(SIZE)[..., None] * 200, 3, axis=2)
        Image.fromarray(pixels).save(images / f"o{orientation}.png", exif=exif(orientation))
        labels = upright_object(orientation) if upright_maps else object_of(SIZE)
        Image.fromarray(labels).save(masks / f"o{orientation}.png")
        Image.fromarray(labels * 255).save(root / "saliency" / f"o{orientation}.png")
    ids = [f"o{orientation}" for orientation in orientations]
    (root / "classes.txt").write_text("cat\n")
    (root / "tags.csv").write_text("".join(f"{one},cat\n" for one in ids))
    for name in ("train", "val"):
        (root / f"{name}.txt").write_text("\n".join(ids))
        (root / "ImageSets/Segmentation").mkdir(parents=True, exist_ok=True)
        (root / f"ImageSets/Segmentation/{name}.txt").write_text("\n".join(ids))
    return ids


FOLDER, VOC = ("images", "masks"), ("JPEGImages", "SegmentationClass")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_image_mask_and_saliency_of_a_folder_agree_with_what_a_viewer_shows(tmp_path, orientation):
    make(tmp_path, FOLDER, [orientation])
    layout = open_layout(DataConfig(dataset="folder", root=str(tmp_path)))
    sample = ListedImages(layout, [f"o{orientation}"], PARTS)[0]
    assert (sample["mask"] == upright_object(orientation)).all()
    assert ((sample["image"][..., 0] > 100) == sample["mask"]).all() and (
        sample["saliency"] == 255 * sample["mask"]
    ).all()


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("dataset", ["voc12", "toy"])
def test_published_datasets_are_read_as_stored(tmp_path, dataset, orientation):
    make(tmp_path, VOC, [orientation], upright_maps=False)
    layout = open_layout(DataConfig(dataset=dataset, root=str(tmp_path)))
    sample = ListedImages(layout, [f"o{orientation}"], PARTS)[0]
    assert (sample["mask"] == object_of(SIZE)).all() and ((sample["image"][..., 0] > 100) == sample["mask"]).all()


def test_a_mask_that_fits_the_stored_pixels_is_refused_with_the_orientation(tmp_path):
    make(tmp_path, FOLDER, [6], upright_maps=False)
    layout = open_layout(DataConfig(dataset="folder", root=str(tmp_path)))
    with pytest.raises(
        DataError, match=r"o6: the mask is 8x12 but the image is 12x8.*EXIF orientation of o6\.png is 6; it is applied"
    ):
        ListedImages(layout, ["o6"], PARTS)[0]
    make(tmp_path / "voc", VOC, [6])
    layout = open_layout(DataConfig(dataset="toy", root=str(tmp_path / "voc")))
    with pytest.raises(DataError, match=r"EXIF orientation of o6\.png is 6; it is not applied"):
        ListedImages(layout, ["o6"], PARTS)[0]


def test_the_check_counts_turned_images_and_names_the_rule(tmp_path, capsys):
    make(tmp_path, FOLDER)
    assert main([str(tmp_path), "--dataset", "folder", "--workers", "0"]) == 0
    text = capsys.readouterr().out
    assert "note: images with an EXIF orientation, turned upright, as viewers show them (7)" in text
    assert "o2.png (EXIF orientation 2)" in text and "o1.png" not in text and "0 problems" in text
    make(tmp_path / "toy", VOC, upright_maps=False)
    assert main([str(tmp_path / "toy"), "--dataset", "toy", "--workers", "0"]) == 0
    assert "images with an EXIF orientation, read as stored, as published (7)" in capsys.readouterr().out


@pytest.mark.parametrize(("dataset", "places", "upright_maps"), [("folder", FOLDER, False), ("toy", VOC, True)])
def test_the_check_names_maps_that_lie_sideways(tmp_path, capsys, dataset, places, upright_maps):
    make(tmp_path, places, upright_maps=upright_maps)
    assert main([str(tmp_path), "--dataset", dataset, "--workers", "0"]) == 1
    text = capsys.readouterr().out
    for kind in ("masks", "saliency maps"):
        assert f"problem: {kind} that lie sideways on their image (EXIF orientation; all are" in text
    assert all(f"o{orientation}.png (" in text for orientation in (5, 6, 7, 8)) and "8 problems" in text


def test_a_mask_with_an_orientation_of_its_own_is_turned_too_and_scored_upright(tmp_path, capsys):
    ids = make(tmp_path, FOLDER, [6])
    Image.fromarray(object_of(SIZE)).save(tmp_path / "masks" / "o6.png", exif=exif(6))
    (tmp_path / "labels").mkdir()
    Image.fromarray(upright_object(6)).save(tmp_path / "labels" / "o6.png")
    layout = open_layout(DataConfig(dataset="folder", root=str(tmp_path)))
    assert (ListedImages(layout, ids, PARTS)[0]["mask"] == upright_object(6)).all()
    matrix = evaluate_labels(layout, ids, tmp_path / "labels").matrix
    assert matrix.trace() == matrix.sum() == 96
    folders = [str(tmp_path / name) for name in ("labels", "masks")]
    score([*folders, "--list", str(tmp_path / "val.txt"), "--classes", str(tmp_path / "classes.txt")])
    assert "100.0" in capsys.readouterr().out
