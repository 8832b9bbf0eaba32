"""A comparison as Markdown, CSV and a page."""

from __future__ import annotations

import csv
import importlib.resources
import io
from collections.abc import Sequence
from typing import Any

import jinja2

from common.compare.paired import Difference
from common.compare.table import COMPARED, GIB, RIVAL, Comparison, Line
from common.report.published import Published
from common.report.results import ORACLE
from common.report.table import Column, Table, column_title
from common.report.table_text import escape_markdown, format_cell, table_notes

TEMPLATE = "comparison.html.j2"
EXPLAINED = (
    f"Difference: mean IoU minus that of {RIVAL} with the same saliency maps and seeds, percentage points, with the 95 % interval of a "
    "bootstrap over the images (the same images drawn for both). An interval that holds 0 is no difference. Minutes and memory: of the "
    "whole chain that made the row; the processes that load its images are not in it."
)


CSV_HEADS = (
    *(
        "dataset",
        "method",
        "saliency",
        "stage",
        "split",
        "n_seeds",
        "miou_mean",
        "miou_std",
        "difference",
        "low",
        "high",
    ),
    *("minutes", "peak_bytes", "threshold_choice", "crf", "tags"),
)


def heads(table: Table) -> list[str]:
    compared = [f"difference, {column_title(column)}" for column in compared_columns(table)]
    return ["method", "saliency", *(column_title(column) for column in table.columns), *compared, "minutes", "GiB"]


def compared_columns(table: Table) -> list[Column]:
    """Those of which differences are shown: label maps and the segmentation network before the CRF."""
    return [column for column in table.columns if column[0].removesuffix(ORACLE) in COMPARED]


def cells(line: Line, table: Table) -> list[str]:
    row = line.row
    name = f"{row.method} ({row.reference})" if row.reference else row.method
    scores = [format_cell(cell, "±") for cell in row.cells]
    differences = [difference_text(line.differences.get(column)) for column in compared_columns(table)]
    cost = [f"{line.minutes:.1f}", f"{line.peak / GIB:.1f}"] if line.minutes else ["-", "-"]
    return [name, row.saliency, *scores, *differences, *cost]


def difference_text(difference: Difference | None) -> str:
    if difference is None:
        return "-"
    # Without a minus sign before zero.
    mean, low, high = (round(value, 1) + 0.0 for value in (difference.mean, difference.low, difference.high))
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def notes_of(comparison: Comparison) -> list[str]:
    """What stands below the table."""
    notes = [*table_notes(comparison.table, deviation="±"), EXPLAINED]
    notes += [f"{chain.name}: {says}" for chain, says in comparison.incomplete]
    return notes + [f"FAILED: {one.chain.name}: {one.says} (log: {one.log})" for one in comparison.failed]


def rows_of_published(published: Sequence[Published]) -> list[list[str]]:
    return [[one.method, one.what, f"{one.value:g}", one.conditions, one.source] for one in published]


PUBLISHED_HEADS = ["method", "what", "mIoU", "conditions", "source"]


def as_markdown(comparison: Comparison, made: str, published: Sequence[Published]) -> str:
    """Args: made: when, where and with what the table was made."""
    table = comparison.table
    parts = [f"**Results on {escape_markdown(table.dataset)}** ({escape_markdown(made)})", ""]
    parts += markdown_rows(heads(table), [cells(line, table) for line in comparison.lines], left=2)
    parts += ["", *(f"- {escape_markdown(note)}" for note in notes_of(comparison))]
    if published:
        parts += ["", "**As published** (elsewhere, each under its own conditions)", ""]
        parts += markdown_rows(PUBLISHED_HEADS, rows_of_published(published), left=5)
    return "\n".join(parts) + "\n"


def markdown_rows(head: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> list[str]:
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    escaped = [[escape_markdown(text) for text in row] for row in (head, *rows)]
    return [f"| {' | '.join(row)} |" for row in (escaped[0], rule, *escaped[1:])]


def as_csv(comparison: Comparison) -> str:
    """One row per number, with everything that a spreadsheet needs to arrange it anew."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_HEADS)
    for line in comparison.lines:
        for column, cell in zip(comparison.table.columns, line.row.cells, strict=True):
            if cell is None:
                continue
            difference, first = line.differences.get(column), cell.results[0]
            numbers: list[Any] = [len(cell.results), cell.mean, "" if cell.deviation is None else cell.deviation]
            numbers += [difference.mean, difference.low, difference.high] if difference else ["", "", ""]
            of_chain = [round(line.minutes, 2), line.peak, first.threshold_choice, first.crf, first.tag_source]
            writer.writerow(
                [comparison.table.dataset, line.row.method, line.row.saliency, *column, *numbers, *of_chain]
            )
    return text.getvalue()


def as_page(comparison: Comparison, made: str, published: Sequence[Published]) -> str:
    """One HTML file that loads nothing else."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = importlib.resources.files("common.compare").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        dataset=comparison.table.dataset,
        made=made,
        heads=heads(comparison.table),
        rows=[cells(line, comparison.table) for line in comparison.lines],
        notes=notes_of(comparison),
        published_heads=PUBLISHED_HEADS,
        published=rows_of_published(published),
    )
