"""Write the toy set as a dataset in VOC layout."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from common.data.palette import write_label_map
from common.data.toy.arrays import ByteArray
from common.data.toy.config import SPLITS, ToyConfig
from common.data.toy.objects import CLASS_NAMES
from common.data.toy.scene import Scene, draw_scene
from common.errors import DataError
from common.files import atomic_write, read_json, remove_partial_files, write_json, write_npy, write_text
from common.locks import LOCK_FILE, only_writer

COMPLETE_MARK = "toy.json"
UNFINISHED_MARK = "toy.unfinished.json"
FOLDERS = ("JPEGImages", "SegmentationClass", "Sal", "ImageSets")
# An image or a map of the set, or one of its lists; whatever else lies in its folders is somebody's own.
OWN_FILE = re.compile(r"(train|val)(_\d{4,}|_cls|_pairs)?\.(jpg|png|txt)")
JPEG_QUALITY = 95

Tags = dict[str, tuple[int, ...]]


def make_toy(root: Path, config: ToyConfig, force: bool = False) -> None:
    """Write the toy set under ``root``; does nothing where the same set lies complete.

    Layout: ``JPEGImages/<id>.jpg``, ``SegmentationClass/<id>.png``, ``Sal/<id>.png``, in ``ImageSets/Segmentation``
    ``<split>.txt`` (ids), ``<split>_cls.txt`` (id and 0-based class numbers) and ``<split>_pairs.txt`` (image and label
    path), and beside them ``tags.csv``, ``cls_labels.npy``, ``classes.txt`` and ``toy.json`` (the settings, written last).

    Args:
        root: the folder, made if missing.
        config: what to draw.
        force: draw again, over a complete set or one with other settings.

    Raises:
        DataError: ``root`` holds something else, or a toy set with other settings and no ``force``.
        ConfigError: ``root`` is a file.
        InUseError: another process writes there.
    """
    root = Path(root)
    if is_complete(root, config) and not force:
        return
    with only_writer(root):
        # Another process may have made it while this one looked.
        if force or not is_complete(root, config):
            write_set(root, config, force)


def write_set(root: Path, config: ToyConfig, force: bool) -> None:
    """:func:`make_toy` as the only writer of the folder."""
    prepare(root, config, force)
    tags = {split: write_split(root, config, split) for split in SPLITS}
    everything: Tags = {image_id: numbers for split in SPLITS for image_id, numbers in tags[split].items()}
    write_lists(root, tags)
    write_text(root / "classes.txt", "".join(f"{name}\n" for name in CLASS_NAMES))
    write_tags_csv(root / "tags.csv", everything)
    write_cls_labels(root / "cls_labels.npy", everything)
    write_json(root / COMPLETE_MARK, asdict(config))
    (root / UNFINISHED_MARK).unlink()


def make_saliency_dataset(root: Path, config: ToyConfig) -> None:
    """Write the training scenes of a toy set as a saliency dataset, ``Images/<id>.jpg`` and ``Masks/<id>.png`` (0 and 255).

    Every object is salient and nothing else, exactly. What is there stays.
    """
    for index in range(config.n_train):
        image, mask = root / "Images" / f"{index:04d}.jpg", root / "Masks" / f"{index:04d}.png"
        if not (image.is_file() and mask.is_file()):
            scene = draw_scene(config, "train", index)
            write_picture(image, scene.image, "JPEG", quality=JPEG_QUALITY)
            write_picture(mask, np.where(scene.label_map > 0, 255, 0).astype(np.uint8), "PNG")


def is_complete(root: Path, config: ToyConfig) -> bool:
    """Whether ``root`` holds the finished set of exactly these settings."""
    mark = root / COMPLETE_MARK
    return mark.exists() and read_json(mark) == asdict(config)


def prepare(root: Path, config: ToyConfig, force: bool) -> None:
    """Make ``root`` ready for writing: empty, or an interrupted run with the same settings; see :func:`make_toy`."""
    marks = [mark for mark in (root / COMPLETE_MARK, root / UNFINISHED_MARK) if mark.exists()]
    if not marks and any(item.name != LOCK_FILE for item in root.iterdir()):
        raise DataError(f"{root} holds files that are not a toy set: choose another folder")
    if any(read_json(mark) != asdict(config) for mark in marks) and not force:
        raise DataError(
            f"{root} holds a toy set with other settings: choose another folder, or give --force to replace it"
        )
    remove_partial_files(root)
    # The order matters: while images change, no mark may call the set complete.
    write_json(root / UNFINISHED_MARK, asdict(config))
    (root / COMPLETE_MARK).unlink(missing_ok=True)
    if force:
        for path in (path for folder in FOLDERS for path in (root / folder).rglob("*")):
            if OWN_FILE.fullmatch(path.name):
                path.unlink()


def write_split(root: Path, config: ToyConfig, split: str) -> Tags:
    """Draw and write the images of one split; returns the class numbers by id."""
    tags: Tags = {}
    for index in range(config.n_images(split)):
        image_id = f"{split}_{index:04d}"
        scene = draw_scene(config, split, index)
        write_scene(root, image_id, scene)
        tags[image_id] = scene.class_numbers
    return tags


def write_scene(root: Path, image_id: str, scene: Scene) -> None:
    """Write the image, the label map and the saliency map."""
    write_picture(root / "JPEGImages" / f"{image_id}.jpg", scene.image, "JPEG", quality=JPEG_QUALITY)
    write_label_map(root / "SegmentationClass" / f"{image_id}.png", scene.label_map)
    write_picture(root / "Sal" / f"{image_id}.png", scene.saliency, "PNG")


def write_picture(path: Path, pixels: ByteArray, image_format: str, **options: int) -> None:
    """Write uint8 [H, W, 3] RGB or [H, W] grey in one of Pillow's formats, atomically."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, image_format, **options)
    atomic_write(path, lambda file: file.write(buffer.getvalue()))


def write_lists(root: Path, tags: dict[str, Tags]) -> None:
    """Write the three list forms of the field for every split."""
    folder = root / "ImageSets" / "Segmentation"
    for split, numbers in tags.items():
        write_text(folder / f"{split}.txt", lines(numbers))
        write_text(folder / f"{split}_cls.txt", lines(" ".join([i, *map(str, n)]) for i, n in numbers.items()))
        write_text(
            folder / f"{split}_pairs.txt",
            lines(f"/JPEGImages/{image_id}.jpg /SegmentationClass/{image_id}.png" for image_id in numbers),
        )


def lines(items: Iterable[str]) -> str:
    return "".join(f"{item}\n" for item in items)


def write_tags_csv(path: Path, tags: Tags) -> None:
    """Write one line ``<id>,<name> <name>`` per image."""
    write_text(path, lines(f"{i},{' '.join(CLASS_NAMES[number] for number in n)}" for i, n in tags.items()))


def write_cls_labels(path: Path, tags: Tags) -> None:
    """Write the field's ``cls_labels.npy``: a dict from id to a float32 vector [C] of zeros and ones, in a 0-d array."""
    vectors = {}
    for image_id, numbers in tags.items():
        vectors[image_id] = np.zeros(len(CLASS_NAMES), np.float32)
        vectors[image_id][list(numbers)] = 1
    write_npy(path, np.array(vectors, dtype=object))
