"""The results table as plain ASCII for a console and as Markdown for a README."""

from __future__ import annotations

import re

from common.report.notes import mixed_schools_note
from common.report.table import Cell, Table, column_title

HEADINGS = ("method", "saliency", "tags given")
TAGS_NOTE = "* the image's true tags were given when this output was made; at test time nobody has them."
LEGEND = (
    "Numbers are mIoU in percent; {deviation} is the sample standard deviation over n seeds; [k] is the note below."
)


def format_text(table: Table) -> str:
    """ASCII table, notes below it. A non-ASCII letter in a name is escaped, so that every console can print it."""
    lines = [[_ascii(entry) for entry in line] for line in _cells(table, deviation="+-")]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines = [[entry.ljust(width) for entry, width in zip(line, widths, strict=True)] for line in lines]
    rule = "  ".join("-" * width for width in widths)
    body = ["  ".join(line).rstrip() for line in lines]
    return (
        _ascii("\n".join([f"Results on {table.dataset}", "", body[0], rule, *body[1:], "", *table_notes(table)])) + "\n"
    )


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def format_markdown(table: Table) -> str:
    """GitHub-flavoured Markdown table, notes below it."""
    lines = [[escape_markdown(entry) for entry in line] for line in _cells(table, deviation="±")]
    head, *body = lines
    rule = ["---"] * len(HEADINGS) + ["---:"] * len(table.columns)
    rows = [f"| {' | '.join(line)} |" for line in (head, rule, *body)]
    notes = [f"- {escape_markdown(note)}" for note in table_notes(table, deviation="±")]
    return "\n".join([f"**Results on {escape_markdown(table.dataset)}**", "", *rows, "", *notes]) + "\n"


def escape_markdown(text: str) -> str:
    """Keep table bars, stars, underscores and note brackets what they are in Markdown."""
    return re.sub(r"([\\|*_\[\]<>])", r"\\\1", text)


def table_notes(table: Table, deviation: str = "+-") -> list[str]:
    """Footer: how to read the numbers, what they all share, and what is particular to each."""
    notes = [LEGEND.format(deviation=deviation)]
    if any(cell and cell.tags_given for row in table.rows for cell in row.cells):
        notes.append(TAGS_NOTE)
    mixed = mixed_schools_note(table.results)
    notes += [mixed] if mixed else []
    notes.append(f"All numbers: {table.common or 'nothing in common'}.")
    for column, note in zip(table.columns, table.column_notes, strict=True):
        notes += [f"{column_title(column)}: {note}."] if note else []
    notes += [f"[{number}] {note}" for number, note in enumerate(table.notes, start=1)]
    notes += [f"Not measured: {', '.join(table.missing)}."] if table.missing else []
    absent = sorted({name for result in table.results for name in result.absent_classes()})
    notes += [f"In no mask of at least one list, so left out of its mean: {', '.join(absent)}."] if absent else []
    return notes


def _cells(table: Table, deviation: str) -> list[list[str]]:
    head = [*HEADINGS, *(column_title(column) for column in table.columns)]
    body = [
        [
            f"{row.method} ({row.reference})" if row.reference else row.method,
            row.saliency,
            row.tags,
            *(format_cell(cell, deviation) for cell in row.cells),
        ]
        for row in table.rows
    ]
    return [head, *body]


def format_cell(cell: Cell | None, deviation: str, show_note: bool = True) -> str:
    """``'61.2 +- 0.4 (n=3)* [1]'``; ``'-'`` where nothing was measured."""
    if cell is None:
        return "-"
    text = f"{cell.mean:.1f}"
    if cell.deviation is not None:
        text += f" {deviation} {cell.deviation:.1f} (n={len(cell.results)})"
    return text + ("*" if cell.tags_given else "") + (f" [{cell.note}]" if show_note and cell.note else "")
