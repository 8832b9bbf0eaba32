"""COCO's JSON: regions as run lengths going out, run lengths and polygons coming back.

Run lengths are written, and polygons drawn, by pycocotools (extra ``coco``). They are read here: pycocotools takes for granted that they
fill the image, and leaves what they do not as memory was.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from common.data.tags_json import id_of_image
from common.errors import ConfigError, DataError
from common.exchange.images import ImagesByName
from common.exchange.parts import IGNORED, LabelledImage, LabelMap, Region, box_of, label_of_name, parts_of

HOW_TO_INSTALL = "pip install pycocotools, or the toolbox with its extra: pip install -e '.[coco]'"
# Where the file of an image is not known, its name ends so.
USUAL_SUFFIX = ".jpg"
# Bits of one run length; images have fewer pixels.
LONGEST_RUN_BITS = 40


def coco_package() -> Any:
    """The module ``pycocotools.mask``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module("pycocotools.mask")
    except ImportError as error:
        raise ConfigError(f"COCO files need pycocotools, which is not there ({error}): {HOW_TO_INSTALL}") from error


def coco_content(items: Iterable[LabelledImage], classes: Sequence[str], components: bool) -> dict[str, Any]:
    """What a COCO file of label maps holds: categories 1..C in the order of ``classes``, one annotation per region.

    Ignored pixels are a category ``ignore`` behind the classes, where there are some. A region of all objects of a class is a crowd, as
    COCO calls it, which tools keep as run lengths; connected pieces are single objects, which some of them turn into polygons.

    Raises:
        ConfigError: pycocotools is not installed.
    """
    package = coco_package()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    names = list(classes)
    for number, item in enumerate(items, start=1):
        height, width = item.label_map.shape
        file_name = item.id + (item.image.suffix if item.image else USUAL_SUFFIX)
        images.append({"id": number, "file_name": file_name, "height": height, "width": width})
        for part in parts_of(item.label_map, classes, components):
            if part.name == IGNORED and IGNORED not in names:
                names.append(IGNORED)
            left, top, right, bottom = box_of(part.region)
            packed = package.encode(np.asfortranarray(part.region.astype(np.uint8)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": names.index(part.name) + 1,
                    "segmentation": {"size": [height, width], "counts": packed["counts"].decode("ascii")},
                    "area": int(part.region.sum()),
                    "bbox": [left, top, right - left + 1, bottom - top + 1],
                    "iscrowd": int(not components),
                }
            )
    categories = [{"id": place, "name": name, "supercategory": ""} for place, name in enumerate(names, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}


def is_coco(content: Any) -> bool:
    return isinstance(content, Mapping) and all(key in content for key in ("images", "annotations", "categories"))


def read_coco(
    content: Mapping[str, Any], where: object, images: ImagesByName, classes: Sequence[str]
) -> Iterator[tuple[str, LabelMap]]:
    """(id, label map uint8 H x W) of every image that has annotations; of two regions of a pixel the later one holds.

    An image without any annotation is one that nobody has annotated: it is left out.

    Args:
        content: of the file, :func:`is_coco`.
        where: the file, for messages.

    Raises:
        DataError: a class is unknown, a size is not that of the image, or a region is no region.
    """
    names = {one["id"]: str(one["name"]) for one in content["categories"]}
    of_image: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for annotation in content["annotations"]:
        of_image[annotation["image_id"]].append(annotation)
    for record in content["images"]:
        annotations, file_name = of_image.get(record["id"]), str(record["file_name"])
        image_id = images.find(id_of_image(file_name), where) if annotations else None
        if image_id is None or annotations is None:
            continue
        height, width = images.size(image_id)
        images.require_size(image_id, (record["height"], record["width"]), where)
        label_map = np.zeros((height, width), np.uint8)
        for annotation in annotations:
            place = f"{where}: annotation {annotation.get('id')} of {file_name}"
            label = label_of_name(names[annotation["category_id"]], classes, place)
            label_map[region_of(annotation.get("segmentation"), height, width, place)] = label
        yield image_id, label_map


def region_of(segmentation: Any, height: int, width: int, where: str) -> Region:
    """The pixels of a segmentation: polygons, or run lengths as numbers or packed.

    Raises:
        DataError: it is none of these, or does not fit the image.
    """
    if not segmentation:
        raise DataError(f"{where} has no region, only a box; draw one, or remove it")
    if isinstance(segmentation, list):
        return polygons_region(segmentation, height, width, where)
    if not isinstance(segmentation, Mapping) or list(segmentation.get("size", ())) != [height, width]:
        raise DataError(f"{where} has neither polygons nor run lengths of size {height}x{width}; export it again")
    counts = segmentation.get("counts")
    try:
        runs = [int(one) for one in counts] if isinstance(counts, list) else run_lengths(str(counts))
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{where} has damaged run lengths ({error}); export it again") from error
    if min(runs, default=0) < 0 or sum(runs) != height * width:
        raise DataError(f"{where} has run lengths that do not add up to {height}x{width} pixels; export it again")
    return runs_region(runs, height, width)


def runs_region(runs: Sequence[int], height: int, width: int) -> Region:
    """The pixels of every second run, down the columns from the left; the runs fill the image."""
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T


def run_lengths(packed: str) -> list[int]:
    """COCO's packed run lengths as numbers: characters from ``0`` on hold five bits each and whether more follow; the numbers
    are signed, from the fourth on relative to the one two before (cocoapi, ``rleFrString``).

    Raises:
        ValueError: a character is none of these, or the text ends inside a number.
    """
    runs: list[int] = []
    value = bits = 0
    for character in packed:
        code = ord(character) - 48
        if not 0 <= code < 64 or bits > LONGEST_RUN_BITS:
            raise ValueError(f"{character!r} is not expected")
        value |= (code & 31) << bits
        bits += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << bits
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = bits = 0
    if bits:
        raise ValueError("they end inside a number")
    return runs


def polygons_region(polygons: Sequence[Any], height: int, width: int, where: str) -> Region:
    """The pixels inside any of the polygons ``[x, y, x, y, ...]``, as pycocotools draws them."""
    for polygon in polygons:
        if not is_polygon(polygon, max(height, width)):
            raise DataError(f"{where} has a polygon that is no list of at least three points of the image; mend it")
    package = coco_package()
    numbers = [list(map(float, one)) for one in polygons]
    drawn = package.merge(package.frPyObjects(numbers, height, width))
    return runs_region(run_lengths(drawn["counts"].decode("ascii")), height, width)


def is_polygon(values: Any, side: int) -> bool:
    """Whether values are an even number of numbers, at least six, none further outside than the image is long: pycocotools takes
    memory for every pixel on the way."""
    if not isinstance(values, list) or len(values) < 6 or len(values) % 2:
        return False
    return all(isinstance(one, int | float) and math.isfinite(one) and -side <= one <= 2 * side for one in values)
