"""labelme's JSON, one file per image: regions as shapes of type ``mask`` going out, all shapes that cover an area coming back."""

from __future__ import annotations

import base64
import binascii
import io
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from common.data.images import read_label_map
from common.data.tags_json import id_of_image
from common.errors import DataError
from common.exchange.images import ImagesByName
from common.exchange.parts import LabelledImage, LabelMap, Region, box_of, label_of_name, parts_of
from common.files import read_json

# labelme says nothing of files of this version and shows shapes of type mask.
VERSION = "5.5.0"
Points = list[tuple[float, float]]


def labelme_content(item: LabelledImage, classes: Sequence[str], components: bool, folder: Path) -> dict[str, Any]:
    """What the JSON file of an image holds.

    Args:
        item: with the file of its image.
        folder: where the JSON file will lie; the path of the image is relative to it.
    """
    height, width = item.label_map.shape
    parts = parts_of(item.label_map, classes, components)
    image = os.path.relpath(os.path.abspath(item.image or item.id), os.path.abspath(folder))
    return {
        "version": VERSION,
        "flags": {},
        "shapes": [mask_shape(part.name, part.region) for part in parts],
        "imagePath": image.replace(os.sep, "/"),
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def mask_shape(name: str, region: Region) -> dict[str, Any]:
    """A shape of type ``mask``: the corners of its box, both included, and a PNG of 0 and 1 of what is inside."""
    left, top, right, bottom = box_of(region)
    buffer = io.BytesIO()
    Image.fromarray(region[top : bottom + 1, left : right + 1].astype(np.uint8)).save(buffer, format="PNG")
    return {
        "label": name,
        "points": [[float(left), float(top)], [float(right), float(bottom)]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(buffer.getvalue()).decode("ascii"),
    }


def is_labelme(content: Any) -> bool:
    return isinstance(content, Mapping) and isinstance(content.get("shapes"), list)


def read_labelme(
    paths: Sequence[Path], folder: Path, images: ImagesByName, classes: Sequence[str]
) -> Iterator[tuple[str, LabelMap]]:
    """(id, label map uint8 H x W) of every JSON file; a file without shapes is an image that shows nothing.

    Shapes are drawn in order, so that a later one covers an earlier one: a hole is a shape called ``_background_``.

    Args:
        paths: the files, anywhere below ``folder``.

    Raises:
        DataError: a class is unknown, a size is not that of the image, or a shape covers no area.
    """
    for path in paths:
        content = read_json(path)
        if not is_labelme(content):
            raise DataError(f"{path} has no shapes, as labelme writes them; move it away")
        image_id = find_image(path, folder, str(content.get("imagePath") or ""), images)
        if image_id is None:
            continue
        height, width = images.size(image_id)
        stated = (content.get("imageHeight") or height, content.get("imageWidth") or width)
        images.require_size(image_id, stated, path)
        label_map = np.zeros((height, width), np.uint8)
        for number, shape in enumerate(content["shapes"], start=1):
            place = f"{path}: shape {number} ({shape.get('label')!r})"
            label = label_of_name(str(shape["label"]), classes, place)
            label_map[region_of_shape(shape, height, width, place)] = label
        yield image_id, label_map


def find_image(path: Path, folder: Path, image_path: str, images: ImagesByName) -> str | None:
    """The image beside which a file lies, or else the one that it names."""
    own = path.relative_to(folder).with_suffix("").as_posix()
    named = id_of_image(image_path)
    return images.find(own if own in images.known or not named else named, path)


def region_of_shape(shape: Mapping[str, Any], height: int, width: int, where: str) -> Region:
    """The pixels of a shape, as labelme itself draws them.

    Raises:
        DataError: it covers no area, or lies outside of the image.
    """
    points: Points = [(float(x), float(y)) for x, y in shape["points"]]
    side = max(height, width)
    if not all(math.isfinite(one) and -side <= one <= 2 * side for point in points for one in point):
        raise DataError(f"{where} has points far outside of the image; draw it again")
    kind = shape.get("shape_type") or "polygon"
    if kind == "mask":
        return pasted(shape.get("mask"), points, height, width, where)
    least, draw = DRAWN.get(kind, (0, None))
    if draw is None:
        raise DataError(f"{where} is a {kind}, which covers no area; remove it, or draw a polygon")
    if len(points) < least:
        raise DataError(f"{where} is a {kind} of {len(points)} points; {least} are the least. Draw it again")
    canvas = Image.new("L", (width, height))
    draw(ImageDraw.Draw(canvas), points)
    return np.asarray(canvas) > 0


def pasted(mask: Any, points: Points, height: int, width: int, where: str) -> Region:
    """The region of a shape of type ``mask``."""
    cure = "draw it again"
    if not isinstance(mask, str) or len(points) != 2:
        raise DataError(f"{where} has no mask between two points; {cure}")
    with tempfile.TemporaryDirectory(prefix="wsss-shape-") as folder:
        file = Path(folder) / "mask.png"
        try:
            file.write_bytes(base64.b64decode(mask, validate=True))
            inside = read_label_map(file) > 0
        except (DataError, binascii.Error, ValueError) as error:
            raise DataError(f"{where} has a mask that is no PNG of one channel; {cure}") from error
    (left, top), (right, bottom) = ((int(x), int(y)) for x, y in points)
    if (
        left < 0
        or top < 0
        or right >= width
        or bottom >= height
        or inside.shape != (bottom - top + 1, right - left + 1)
    ):
        raise DataError(f"{where} has a mask of another size than its box, or outside of the image; {cure}")
    region = np.zeros((height, width), bool)
    region[top : bottom + 1, left : right + 1] = inside
    return region


def draw_polygon(draw: ImageDraw.ImageDraw, points: Points) -> None:
    draw.polygon(points, fill=1, outline=1)


def draw_rectangle(draw: ImageDraw.ImageDraw, points: Points) -> None:
    (left, right), (top, bottom) = (sorted(one) for one in zip(*points[:2], strict=True))
    draw.rectangle((left, top, right, bottom), fill=1, outline=1)


def draw_circle(draw: ImageDraw.ImageDraw, points: Points) -> None:
    """The first point is the centre, the second lies on the circle."""
    (x, y), at = points[0], points[1]
    radius = math.dist((x, y), at)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1, outline=1)


# Type of a shape -> the least number of its points, how it is drawn.
DRAWN: Mapping[str, tuple[int, Callable[[ImageDraw.ImageDraw, Points], None]]] = {
    "polygon": (3, draw_polygon),
    "oriented_rectangle": (4, draw_polygon),
    "rectangle": (2, draw_rectangle),
    "circle": (2, draw_circle),
}
