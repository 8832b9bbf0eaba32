"""One self-contained ``report.html``: results, example images, curves and the provenance of every number."""

from __future__ import annotations

import base64
import importlib.resources
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
from markupsafe import Markup

from common.data.palette import IGNORE_LABEL, voc_palette
from common.errors import DataError
from common.files import write_text
from common.report.curves import Curve, curve_svg, line_styles
from common.report.examples_table import CAM, arrange_examples
from common.report.names import DOES_NOT_APPLY, field_name, network_name
from common.report.reading import class_tables, missing_parts, read_against_reference
from common.report.results import NONE, Result
from common.report.table import Cell, Column, Row, Table, build_tables, column_title
from common.report.table_text import format_cell, table_notes
from common.visual.panels import as_rgb, jpeg_bytes, png_bytes

TEMPLATE = "report.html.j2"
# A picture is in the file once, and opens large: VOC images keep their own size, and a report of them stays a few megabytes.
MAX_PANEL_SIDE, PANEL_QUALITY = 840, 85
# Up to this size single pixels are what one wants to see: they are neither smoothed nor stored with loss.
SMALL_PANEL_SIDE = 200

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Panel:
    """One picture of an example; image uint8 RGB [H, W, 3] or grey [H, W]."""

    title: str
    image: np.ndarray


@dataclass(frozen=True)
class Example:
    """What became of one image: the image itself, ground truth, saliency, CAM, pseudo labels, predictions."""

    id: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class ReportInput:
    """Everything a report shows; parts that are empty are left out and the report says so.

    ``class_names`` are without the background; ``class_colours`` are one RGB 0..255 per class name (the VOC palette
    when empty, as the label pictures of this toolbox use it). ``methods`` are the rows that come first.

    Raises:
        DataError: there is no result, or not one colour per class.
    """

    title: str
    description: str
    results: Sequence[Result]
    examples: Sequence[Example] = ()
    curves: Sequence[Curve] = ()
    class_names: Sequence[str] = ()
    class_colours: Sequence[Colour] = ()
    methods: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.results:
            raise DataError(f"report {self.title!r} has no results; evaluate first")
        if self.class_colours and len(self.class_colours) != len(self.class_names):
            raise DataError(
                f"{len(self.class_colours)} colours for {len(self.class_names)} classes; give one each, without background"
            )


def write_report(path: Path, report: ReportInput) -> None:
    """Write ``report`` to ``path`` as one HTML file that loads nothing else, atomically."""
    write_text(path, render_report(report))


def render_report(report: ReportInput) -> str:
    """The report as an HTML document."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(column_title=column_title, format_cell=format_cell, table_notes=table_notes)
    environment.globals.update(unmeasured=unmeasured, cam=CAM)
    source = importlib.resources.files("common.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    tables = build_tables(report.results, report.methods)
    numbers = {id(cell): f"number-{place}" for place, cell in enumerate(_cells(tables), start=1)}
    return environment.from_string(source).render(
        report=report,
        tables=tables,
        readings={table.dataset: read_against_reference(table) for table in tables},
        class_tables={table.dataset: class_tables(table) for table in tables},
        legend=_legend(report),
        examples=_examples(report),
        grid=arrange_examples([[panel.title for panel in one.panels] for one in report.examples], report.methods),
        charts=[_chart(curve, f"chart-{place}") for place, curve in enumerate(report.curves, start=1)],
        missing=missing_parts(tables, bool(report.examples), bool(report.curves)),
        anchor=lambda cell: numbers[id(cell)],
        provenance=_provenance,
    )


def _cells(tables: Sequence[Table]) -> list[Cell]:
    return [cell for table in tables for row in table.rows for cell in row.cells if cell]


def unmeasured(row: Row, column: Column) -> str:
    """What stands where a row has no number: true masks are what the ceiling learns from, it has no labels of its own."""
    return DOES_NOT_APPLY if row.reference == "ceiling" and not column[0].startswith("DeepLab") else "not measured"


def _legend(report: ReportInput) -> list[tuple[str, str]]:
    """(name, CSS colour) of the background, every class and the ignore label."""
    palette = voc_palette()
    colours = report.class_colours or [tuple(palette[label]) for label in range(1, len(report.class_names) + 1)]
    pairs = [
        ("background", palette[0]),
        *zip(report.class_names, colours, strict=True),
        ("ignored", palette[IGNORE_LABEL]),
    ]
    return [(name, "rgb({}, {}, {})".format(*(int(value) for value in colour))) for name, colour in pairs]


def _examples(report: ReportInput) -> list[dict[str, Any]]:
    numbers = itertools.count(1)
    return [
        {"id": example.id, "panels": [_panel(example.id, panel, next(numbers)) for panel in example.panels]}
        for example in report.examples
    ]


def _panel(example_id: str, panel: Panel, number: int) -> dict[str, Any]:
    image = as_rgb(panel.image)
    height, width = image.shape[:2]
    scale = MAX_PANEL_SIDE / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = max(height, width) <= SMALL_PANEL_SIDE
    kind, content = ("png", png_bytes(image)) if small else ("jpeg", jpeg_bytes(image, PANEL_QUALITY))
    return {
        "title": panel.title,
        "alt": f"{panel.title} of image {example_id}",
        "anchor": f"picture-{number}",
        "width": image.shape[1],
        "height": image.shape[0],
        "small": small,
        "source": f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii"),
    }


def _chart(curve: Curve, prefix: str) -> dict[str, Any]:
    # The SVG is made here from escaped text; everything else in the template is escaped by Jinja.
    return {
        "title": curve.title,
        "summary": curve.summary(),
        "svg": Markup(curve_svg(curve, prefix)),
        "styles": line_styles(curve),
    }


def _provenance(cell: Cell) -> list[tuple[str, list[str]]]:
    """Every field of a cell's results as (name, texts): one text where all seeds agree, else one per seed."""
    rows = []
    for field in fields(Result):
        texts = [_field_text(_shown_value(result, field.name)) for result in cell.results]
        rows.append((field_name(field.name), texts if len(set(texts)) > 1 else texts[:1]))
    return rows


def _shown_value(result: Result, name: str) -> object:
    """The value of a field; trained networks by their names in words, the commands and folders as they are."""
    value = getattr(result, name)
    if name != "steps":
        return value
    return {
        network_name(network): count for network, count in value.items() if network != NONE
    } or "nothing was trained"


def _field_text(value: object) -> str:
    if isinstance(value, dict):
        named = value != {NONE: 0}
        return (
            ", ".join(f"{name} {_field_text(item)}" for name, item in value.items()) if named else "nothing was trained"
        )
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "absent" if value != value else f"{value:.4g}"
    return DOES_NOT_APPLY if value in (None, "", NONE) else str(value)
