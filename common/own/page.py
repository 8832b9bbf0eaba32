"""The page of a run on photographs: what to look at first, image by image, and what can be said without true masks."""

from __future__ import annotations

import base64
import importlib.resources
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np
from PIL import Image

from common.data.images import read_image
from common.data.palette import IGNORE_LABEL, voc_palette
from common.files import write_text
from common.own.doubt import Doubt, TagAgreement
from common.report.names import DOES_NOT_APPLY
from common.visual.panels import jpeg_bytes

TEMPLATE = "page.html.j2"
THUMBNAIL, QUALITY = 320, 80


@dataclass(frozen=True)
class Shown:
    """One image on the page: title -> picture file, whose largest form opens on request; titles in the order of the first image."""

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
        failed: id -> why there is no mask.
    """

    title: str
    facts: Mapping[str, str]
    notes: Sequence[str]
    classes: Sequence[str]
    agreement: Mapping[str, Sequence[TagAgreement]]
    shown: Sequence[Shown]
    n_images: int
    failed: Mapping[str, str] = field(default_factory=dict)


def write_page(path: Path, page: Page) -> None:
    """Write the page as one HTML file with small pictures inside; the large ones are links to the files beside it."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = importlib.resources.files("common.own").joinpath(TEMPLATE).read_text(encoding="utf-8")
    colours = ["rgb({}, {}, {})".format(*map(int, colour)) for colour in voc_palette()]
    legend = list(zip(page.classes, colours[1:], strict=False))
    titles = list(dict.fromkeys(title for one in page.shown for title in one.pictures))
    rows = [row_of(one, titles, path.parent) for one in page.shown]
    values = {"does_not_apply": DOES_NOT_APPLY, "percent": percent, "unlabelled": colours[IGNORE_LABEL]}
    write_text(path, environment.from_string(source).render(page=page, legend=legend, rows=rows, **values))


def percent(share: float) -> str:
    """A share of 0..1; small ones with a digit more, so that what is there is not called 0 %."""
    return f"{share:.0%}" if share in (0.0, 1.0) or 0.1 <= share < 0.995 else f"{share:.1%}"


def row_of(shown: Shown, titles: Sequence[str], folder: Path) -> dict[str, Any]:
    """What the template shows of an image: a picture or None for every title, so that rows are aligned."""
    files = [(title, shown.pictures.get(title)) for title in titles]
    pictures = [
        {"title": title, **(picture_in_page(file, folder) if file and file.is_file() else {"source": "", "link": ""})}
        for title, file in files
    ]
    return {"doubt": shown.doubt, "tags": shown.tags, "pictures": pictures}


def picture_in_page(file: Path, folder: Path) -> dict[str, str]:
    return {"source": thumbnail(file), "link": quote(os.path.relpath(file, folder).replace(os.sep, "/"))}


def thumbnail(file: Path) -> str:
    """A picture, upright, as a small JPEG inside the page."""
    picture = Image.fromarray(read_image(file, upright=True))
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return "data:image/jpeg;base64," + base64.b64encode(jpeg_bytes(np.asarray(picture), QUALITY)).decode("ascii")
