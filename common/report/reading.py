"""What a results table says in words, per class, and what it lacks."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from common.report.table import REFERENCE_ROWS, Table, column_title


@dataclass(frozen=True)
class ClassTable:
    """IoU per class of one column: ``rows`` hold a class name and, per method, percent (NaN: absent from the masks)."""

    title: str
    methods: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float, ...]], ...]


def class_tables(table: Table) -> list[ClassTable]:
    """Per-class IoU of each column, mean over seeds, for the methods that were measured there."""
    made = []
    for place, column in enumerate(table.columns):
        filled = [(row.method, cell) for row in table.rows if (cell := row.cells[place])]
        classes = dict.fromkeys(name for _, cell in filled for name in cell.results[0].class_iou)
        rows = tuple(
            (
                name,
                tuple(statistics.fmean(r.class_iou.get(name, math.nan) for r in cell.results) for _, cell in filled),
            )
            for name in classes
        )
        made.append(ClassTable(column_title(column), tuple(method for method, _ in filled), rows))
    return made


def read_against_reference(table: Table) -> list[str]:
    """One sentence per column: the best method, and how far it is from the reference rows measured in the same column."""
    sentences = []
    for place, column in enumerate(table.columns):
        scored = [(row, cell.mean) for row in table.rows if (cell := row.cells[place])]
        references = [(row.method, score) for row, score in scored if row.reference]
        methods = [(score, row.method) for row, score in scored if not row.reference]
        if not methods or not references:
            continue
        score, best = max(methods)
        gaps = ", ".join(_gap(score - other, name) for name, other in references)
        verb = "is best with" if len(methods) > 1 else "has"
        sentences.append(f"{column_title(column)}: {best} {verb} {score:.1f}, {gaps}.")
    return sentences


def _gap(difference: float, method: str) -> str:
    return f"{abs(difference):.1f} {'above' if difference >= 0 else 'below'} {method}"


def missing_parts(tables: Sequence[Table], has_examples: bool, has_curves: bool) -> list[str]:
    """A sentence for every part a full report has and this one has not."""
    parts = [f"{table.dataset}: no number for {column}." for table in tables for column in table.missing]
    for table in tables:
        methods = {row.method for row in table.rows}
        parts += [
            f"{table.dataset}: no row {name} ({kind})." for name, kind in REFERENCE_ROWS.items() if name not in methods
        ]
    if not has_examples:
        parts.append("No example images were given.")
    if not has_curves:
        parts.append("No training log was given, so there are no curves.")
    return parts
