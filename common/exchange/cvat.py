"""CVAT's "segmentation mask 1.1": a ZIP archive in the layout of PASCAL VOC, whose ``labelmap.txt`` says which colour is which class.

The form is documented with CVAT (docs.cvat.ai, "Segmentation Mask"); Datumaro, which CVAT reads it with, fixes the rest.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from common.data.image_file import open_image
from common.data.images import read_image, read_label_map
from common.data.palette import IGNORE_LABEL, colour_label_map, voc_palette
from common.data.textfile import read_lines
from common.errors import DataError
from common.exchange.images import ImagesByName
from common.exchange.parts import IGNORED, LabelledImage, LabelMap, Part, label_of_name, parts_of
from common.files import atomic_write
from common.metrics.selection import BACKGROUND

LABELMAP, CLASS_FOLDER, OBJECT_FOLDER = "labelmap.txt", "SegmentationClass", "SegmentationObject"
LIST = "ImageSets/Segmentation/default.txt"
HEAD = "# label:color_rgb:parts:actions\n"
# Objects of one image: as many as the palette has colours.
MOST_OBJECTS = 255
# A member without a time of its own: equal masks give equal archives.
NO_TIME = (1980, 1, 1, 0, 0, 0)

Colour = tuple[int, int, int]


def write_cvat(path: Path, items: Iterable[LabelledImage], classes: Sequence[str], components: bool) -> None:
    """Write the archive.

    Args:
        components: every connected piece is an object; of an image with more than 255 of them, every class is one.

    Raises:
        DataError: a class is called so that ``labelmap.txt`` cannot hold it.
    """
    for name in classes:
        if ":" in name or name.startswith("#"):
            raise DataError(f"CVAT's {LABELMAP} cannot hold the class {name!r}: call it otherwise, without ':' and '#'")

    def write(file: object) -> None:
        ids, ignored = [], False
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
            for item in items:
                ids.append(item.id)
                ignored = ignored or bool((item.label_map == IGNORE_LABEL).any())
                add(archive, f"{CLASS_FOLDER}/{item.id}.png", coloured_png(item.label_map))
                objects = objects_of(item.label_map, classes, components)
                add(archive, f"{OBJECT_FOLDER}/{item.id}.png", coloured_png(objects))
            add(archive, LABELMAP, labelmap_text(classes, ignored).encode())
            add(archive, LIST, "".join(f"{one}\n" for one in ids).encode())

    atomic_write(path, write)


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    member = zipfile.ZipInfo(name, NO_TIME)
    member.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(member, content)


def coloured_png(label_map: LabelMap) -> bytes:
    """Three channels, as CVAT writes it: of a palette PNG some readers take the numbers."""
    buffer = io.BytesIO()
    Image.fromarray(colour_label_map(label_map)).save(buffer, format="PNG")
    return buffer.getvalue()


def objects_of(label_map: LabelMap, classes: Sequence[str], components: bool) -> LabelMap:
    """The number of the object of every pixel, uint8 H x W: 0 for none, else from 1 on."""
    parts: list[Part] = parts_of(label_map, classes, components)
    if len(parts) > MOST_OBJECTS:
        parts = parts_of(label_map, classes, False)
    numbers = np.zeros(label_map.shape, np.uint8)
    for number, part in enumerate(parts, start=1):
        numbers[part.region] = number
    return numbers


def labelmap_text(classes: Sequence[str], ignored: bool) -> str:
    palette = voc_palette()
    names = {0: BACKGROUND, **dict(enumerate(classes, start=1)), **({IGNORE_LABEL: IGNORED} if ignored else {})}
    lines = [f"{name}:{','.join(map(str, palette[label]))}::\n" for label, name in names.items()]
    return HEAD + "".join(lines)


def find_labelmap(folder: Path) -> Path | None:
    """The file of a folder that is CVAT's, unpacked; it may lie one folder deeper."""
    found = [folder / LABELMAP, *sorted(folder.glob(f"*/{LABELMAP}"))]
    return next((path for path in found if path.is_file()), None)


def read_cvat(labelmap: Path, images: ImagesByName, classes: Sequence[str]) -> Iterator[tuple[str, LabelMap]]:
    """(id, label map uint8 H x W) of every PNG in ``SegmentationClass`` beside ``labelmap.txt``, or beside it without such a folder.

    Colours mean what ``labelmap.txt`` says. Grey PNGs hold the places of its lines instead, from 0 on.

    Raises:
        DataError: ``labelmap.txt`` cannot be read; a mask has another colour, an unknown class, or another size than its image.
    """
    colours = read_labelmap(labelmap)
    inside = labelmap.parent / CLASS_FOLDER
    folder = inside if inside.is_dir() else labelmap.parent
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".png"):
        if OBJECT_FOLDER in path.relative_to(folder).parts:
            continue
        image_id = images.find(path.relative_to(folder).with_suffix("").as_posix(), path)
        if image_id is not None:
            label_map = labels_of_colours(path, colours, classes)
            images.require_size(image_id, label_map.shape, path)
            yield image_id, label_map


def read_labelmap(path: Path) -> dict[Colour, str]:
    """Colour -> name, in the order of the lines; lines without a colour have that of VOC for their place.

    Raises:
        DataError: a line is not ``name:r,g,b::``, or two have one colour.
    """
    palette = [tuple(map(int, one)) for one in voc_palette()]
    colours: dict[Colour, str] = {}
    lines = [(number, text) for number, text in read_lines(path) if not text.startswith("#")]
    for place, (number, text) in enumerate(lines[: len(palette)]):
        name, *rest = (part.strip() for part in text.split(":"))
        values = (
            [one.strip() for one in rest[0].split(",")] if rest and rest[0] else [str(one) for one in palette[place]]
        )
        if not name or len(values) != 3 or not all(one.isdecimal() and int(one[:9]) <= 255 for one in values):
            raise DataError(
                f"{path} line {number}: {text!r} is not name:r,g,b:: with a colour of 0 to 255; export it again"
            )
        colour: Colour = (int(values[0]), int(values[1]), int(values[2]))
        if colour in colours:
            raise DataError(
                f"{path} line {number}: {name!r} has the colour of {colours[colour]!r}; give it another one"
            )
        colours[colour] = name
    return colours


def labels_of_colours(path: Path, colours: Mapping[Colour, str], classes: Sequence[str]) -> LabelMap:
    """The label map uint8 H x W of a mask, upright."""
    with open_image(path, whole=False) as image:
        grey = image.mode in ("1", "L", "I", "I;16")
    if grey:
        values: npt.NDArray[np.int64] = read_label_map(path, upright=True).astype(np.int64)
        names = dict(enumerate(colours.values()))
    else:
        picture = read_image(path, upright=True).astype(np.int64)
        values = (picture[..., 0] << 16) | (picture[..., 1] << 8) | picture[..., 2]
        # Black is what has no label, also where a labelmap calls another colour the background.
        names = {0: BACKGROUND, **{red << 16 | green << 8 | blue: one for (red, green, blue), one in colours.items()}}
    found, places = np.unique(values, return_inverse=True)
    labels = np.zeros(len(found), np.uint8)
    for place, value in enumerate(found):
        if int(value) not in names:
            shown = str(value) if grey else f"{value >> 16},{value >> 8 & 255},{value & 255}"
            raise DataError(
                f"{path} has the colour {shown}, which {LABELMAP} does not list; save masks without smoothing"
            )
        labels[place] = label_of_name(names[int(value)], classes, path)
    return labels[places.reshape(values.shape)]
