"""The page of a run on photographs: what to look at first, image by image, and what can be said without true masks."""

from __future__ import annotations

import base64
import importlib.resources
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from PIL import Image

from common.data.images import read_image
from common.data.palette import voc_palette
from common.files import write_text
from common.own.doubt import Doubt, TagAgreement

TEMPLATE = "page.html.j2"
THUMBNAIL, QUALITY = 320, 80


@dataclass(frozen=True)
class Shown:
    """One image on the page: title -> picture file, in order; the largest form opens on request."""

    doubt: Doubt
    tags: Sequence[str]
    pictures: Mapping[str, Path]


@dataclass(frozen=True)
class Page:
    """What the page says.

    Attributes:
        title: heading.
        facts: label -> text: how many images, which method, how long.
        notes: what was noticed about the photographs and tags.
        classes: names in label order.
        agreement: of the images that were held back, and of all.
        shown: images, the most doubtful first.
        n_images: how many there are, shown or not.
    """

    title: str
    facts: Mapping[str, str]
    notes: Sequence[str]
    classes: Sequence[str]
    agreement: Mapping[str, Sequence[TagAgreement]]
    shown: Sequence[Shown]
    n_images: int


def write_page(path: Path, page: Page) -> None:
    """Write the page as one HTML file with small pictures inside; the large ones are links to the files beside it."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = importlib.resources.files("common.own").joinpath(TEMPLATE).read_text(encoding="utf-8")
    palette = voc_palette()
    legend = [(name, "rgb({}, {}, {})".format(*map(int, palette[label]))) for label, name in enumerate(page.classes, 1)]
    rows = [row_of(one, path.parent) for one in page.shown]
    write_text(path, environment.from_string(source).render(page=page, legend=legend, rows=rows))


def row_of(shown: Shown, folder: Path) -> dict[str, Any]:
    pictures = [
        {"title": title, "source": thumbnail(file), "link": quote(os.path.relpath(file, folder).replace(os.sep, "/"))}
        for title, file in shown.pictures.items()
        if file.is_file()
    ]
    return {"doubt": shown.doubt, "tags": shown.tags, "pictures": pictures}


def thumbnail(file: Path) -> str:
    """A picture as a small JPEG inside the page."""
    picture = Image.fromarray(read_image(file))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
