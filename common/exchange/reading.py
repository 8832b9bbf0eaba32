"""Masks of any of the forms, recognised by what is there, as label maps of the images and classes at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from common.data.classes import read_class_names
from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL, write_label_map
from common.data.presets import CLASSES_FILE
from common.data.value_ranges import require_labels
from common.engine.contents import RECORDS
from common.errors import DataError
from common.exchange.archive import unpacked
from common.exchange.coco import is_coco, read_coco
from common.exchange.cvat import CLASS_FOLDER, find_labelmap, read_cvat
from common.exchange.images import ImagesByName
from common.exchange.labelme import is_labelme, read_labelme
from common.exchange.parts import LabelMap, label_of_name
from common.failures import some_names
from common.files import read_json
from common.paths import path_of_id

COCO, CVAT, LABELME, PLAIN_FORM = "COCO", "CVAT", "labelme", "label maps"
NAME_FILES = ("labels.txt", CLASSES_FILE)
NOT_WELL_FORMED = (LookupError, TypeError, AttributeError, ValueError, OverflowError)
KNOWN_FORMS = "CVAT's segmentation mask 1.1 (ZIP or unpacked), COCO JSON, labelme's JSON files, or PNG label maps named as the images"

LabelMaps = Iterator[tuple[str, LabelMap]]


@dataclass(frozen=True)
class ReadMasks:
    """What was read.

    Attributes:
        form: COCO, CVAT, labelme or label maps.
        ids: of the images that have a mask now, sorted.
        without_image: names of masks whose image is not there.
    """

    form: str
    ids: tuple[str, ...]
    without_image: tuple[str, ...]


def read_masks(source: Path, images: ImagesByName, classes: Sequence[str], out: Path) -> ReadMasks:
    """Write a label map ``<id>.png`` of every mask of a folder, ZIP archive or JSON file into ``out``.

    Raises:
        DataError: the form is not known; a mask has an unknown class or another size than its image; two are of one image; one has
            no pixel with a label; or not one is of any of the images.
    """
    written: dict[str, None] = {}
    with recognised_masks(source, images, classes) as (form, label_maps):
        for image_id, label_map in label_maps:
            if image_id in written:
                raise DataError(f"{source} has two masks of {image_id!r}; remove one")
            if (label_map == IGNORE_LABEL).all():
                raise DataError(f"{source}: not one pixel of the mask of {image_id!r} has a label; remove it")
            write_label_map(path_of_id(out, image_id, ".png"), label_map)
            written[image_id] = None
    if not written:
        named = f"they are of {some_names(images.unknown)}" if images.unknown else "nothing is annotated in it"
        raise DataError(
            f"{source} ({form}) has no mask of an image in {images.folder}: {named}, the images are {some_names(images.ids)}"
        )
    return ReadMasks(form, tuple(sorted(written)), tuple(images.unknown))


@contextmanager
def recognised_masks(source: Path, images: ImagesByName, classes: Sequence[str]) -> Iterator[tuple[str, LabelMaps]]:
    """The form of a source and its label maps, one at a time, within the context."""
    if not source.exists():
        raise DataError(f"there are no masks {source}; give a folder, a ZIP archive or a JSON file")
    if source.is_file() and source.suffix.lower() == ".zip":
        with unpacked(source) as folder:
            try:
                form, label_maps = of_folder(folder, images, classes)
                yield form, well_formed(label_maps, source)
            except DataError as error:
                # Nobody knows the folder that it was unpacked into.
                raise DataError(str(error).replace(str(folder), str(source))) from error
    else:
        form, label_maps = (of_folder if source.is_dir() else of_file)(source, images, classes)
        yield form, well_formed(label_maps, source)


def well_formed(label_maps: LabelMaps, source: Path) -> LabelMaps:
    """The same; what is not where its form has it is a :class:`DataError`."""
    try:
        yield from label_maps
    except NOT_WELL_FORMED as error:
        raise DataError(
            f"{source} cannot be read: something in it is not where the form has it ({error!r}); export it again"
        ) from error


def of_file(path: Path, images: ImagesByName, classes: Sequence[str]) -> tuple[str, LabelMaps]:
    if path.suffix.lower() != ".json":
        raise DataError(f"{path} is of no known form of masks. Known: {KNOWN_FORMS}")
    content = read_json(path)
    if is_coco(content):
        return COCO, read_coco(content, path, images, classes)
    if is_labelme(content):
        return LABELME, read_labelme([path], path.parent, images, classes)
    raise DataError(f"{path} is neither COCO's nor labelme's JSON. Known: {KNOWN_FORMS}")


def of_folder(folder: Path, images: ImagesByName, classes: Sequence[str]) -> tuple[str, LabelMaps]:
    """CVAT's where there is a ``labelmap.txt``; else JSON, beside which PNG files are photographs; else PNG label maps."""
    if labelmap := find_labelmap(folder):
        return CVAT, read_cvat(labelmap, images, classes)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    of_json = [path for path in files if path.suffix.lower() == ".json" and path.name not in RECORDS]
    if len(of_json) == 1:
        return of_file(of_json[0], images, classes)
    if of_json:
        return LABELME, read_labelme(of_json, folder, images, classes)
    pngs = [path for path in files if path.suffix.lower() == ".png"]
    if not pngs:
        raise DataError(f"{folder} holds no masks. Known: {KNOWN_FORMS}")
    if (folder / CLASS_FOLDER).is_dir():
        inside = folder / CLASS_FOLDER
        return PLAIN_FORM, read_plain(
            [path for path in pngs if path.is_relative_to(inside)], inside, folder, images, classes
        )
    return PLAIN_FORM, read_plain(pngs, folder, folder, images, classes)


def read_plain(
    paths: Sequence[Path], folder: Path, place_of_names: Path, images: ImagesByName, classes: Sequence[str]
) -> LabelMaps:
    """(id, label map uint8 H x W) of grey or palette PNGs: their numbers are those of ``classes``, or of the ``labels.txt`` or
    ``classes.txt`` in ``place_of_names``.

    Raises:
        DataError: a number stands for no class, a class is unknown, or a size is not that of the image.
    """
    file = next((place_of_names / name for name in NAME_FILES if (place_of_names / name).is_file()), None)
    names = read_class_names(file) if file else tuple(classes)
    for path in paths:
        image_id = images.find(path.relative_to(folder).with_suffix("").as_posix(), path)
        if image_id is None:
            continue
        numbers = read_label_map(path, upright=True)
        require_labels(numbers, path, len(names) + 1)
        images.require_size(image_id, numbers.shape, path)
        label_map = numbers.copy()
        for number, name in enumerate(names, start=1):
            if name not in classes or classes.index(name) + 1 != number:
                shown = numbers == number
                if shown.any():
                    label_map[shown] = label_of_name(name, classes, f"{path}, by {file}")
        yield image_id, label_map
