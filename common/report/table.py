"""The results table: one row per method, one column per stage and split, every number tied to what it measured.

:func:`build_tables` arranges results; ``table_text`` and ``html`` print what it built. A cell holds the results of all
seeds of one measurement. Results that differ in anything but the seed are never averaged.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import DataError
from common.report.notes import phrases, shared_phrases, without
from common.report.results import NONE, ORACLE, STAGES, Result

# Stage, marked where the threshold is the oracle's, and split.
Column = tuple[str, str]
USUAL_COLUMNS: tuple[Column, ...] = (
    ("pseudo label", "train"),
    ("pseudo label + CRF", "train"),
    ("DeepLab-v2", "val"),
    ("DeepLab-v2 + CRF", "val"),
)
# Rows between which a method's score is read; see the report.
REFERENCE_ROWS = {
    "all background": "floor",
    "plain CAM": "reference",
    "CAM x saliency": "reference",
    "fully supervised": "ceiling",
}
# What may differ between two records of one and the same measurement; those of earlier versions do not say which list it is.
MADE_BY = frozenset({"commit", "run_folder", "created_by", "versions", "known_list"})
# Seeds of one cell may differ in their best threshold, run folder and command, and in nothing that changes the meaning.
SAME_IN_A_CELL = (
    "list",
    "n_images",
    "left_out",
    "threshold_choice",
    "crf",
    "initial_weights",
    "saliency_source",
    "tag_source",
    "tags_given",
    "steps",
)


@dataclass(frozen=True)
class Cell:
    """All seeds of one measurement; ``note`` is the 1-based number of its own note, if it needs one."""

    results: tuple[Result, ...]
    note: int | None

    @property
    def mean(self) -> float:
        """Mean mIoU over seeds, percent."""
        return statistics.fmean(result.miou for result in self.results)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation (n - 1) of mIoU over seeds, percentage points; None for a single seed."""
        return statistics.stdev(result.miou for result in self.results) if len(self.results) > 1 else None

    @property
    def tags_given(self) -> bool:
        """Whether the true tags were known when this output was made, at all seeds alike."""
        return self.results[0].tags_given


@dataclass(frozen=True)
class Row:
    """One method; ``cells`` follows the table's columns, None where nothing was measured."""

    method: str
    saliency: str
    tags: str
    cells: tuple[Cell | None, ...]

    @property
    def reference(self) -> str:
        """'floor', 'reference', 'ceiling' or '' for a method proper."""
        return REFERENCE_ROWS.get(self.method, "")


@dataclass(frozen=True)
class Table:
    """Results of one dataset, with provenance shared by all numbers, by those of a column, and the rest per number.

    ``column_notes`` follows ``columns``; ``missing`` names the usual columns without a number.
    """

    dataset: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    common: str
    column_notes: tuple[str, ...]
    notes: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result behind the table, row by row."""
        return tuple(result for row in self.rows for cell in row.cells if cell for result in cell.results)


def column_title(column: Column) -> str:
    """``('DeepLab-v2', 'val')`` -> ``'DeepLab-v2 (val)'``."""
    return f"{column[0]} ({column[1]})"


def build_tables(results: Iterable[Result], methods: Sequence[str] = ()) -> list[Table]:
    """One table per dataset, in order of first appearance.

    ``methods`` names the rows that come first, in that order; other methods follow as they appear.

    Raises:
        DataError: no result, one measurement with two different numbers, or seeds of one method that were measured
            differently (another list, CRF, initial weights, ...) and so have no mean.
    """
    unique = _without_repeats(results)
    if not unique:
        raise DataError("no results to show; evaluate first, then point the report at folders that hold results.json")
    datasets = dict.fromkeys(result.dataset for result in unique)
    return [_build_table(name, [result for result in unique if result.dataset == name], methods) for name in datasets]


def _without_repeats(results: Iterable[Result]) -> list[Result]:
    """Keep one of equal measurements (the same folder twice, the floor in each run); unequal ones are an error."""
    kept: dict[tuple[str, str, str, str, int, bool], Result] = {}
    for result in results:
        other = kept.setdefault(result.identity(), result)
        if _outcome(other) != _outcome(result):
            raise DataError(
                f"two results for {result.method}, {result.stage}, {result.dataset} {result.split}, seed {result.seed}: "
                f"in {other.run_folder} and {result.run_folder}; give only the one to show"
            )
    return list(kept.values())


def _outcome(result: Result) -> dict[str, Any]:
    """All of a record but where, when and by whom it was made."""
    left_out = MADE_BY | _meaningless(result)
    return {name: value for name, value in result.to_record().items() if name not in left_out}


def _meaningless(result: Result) -> frozenset[str]:
    """What changes nothing: every CRF leaves an image of one label as it is, and no tags are behind it."""
    return frozenset({"crf", "tag_source"}) if REFERENCE_ROWS.get(result.method) == "floor" else frozenset()


def _build_table(dataset: str, results: Sequence[Result], methods: Sequence[str]) -> Table:
    columns = tuple(sorted({result.column for result in results}, key=_column_order))
    present = dict.fromkeys(result.method for result in results)
    names = [name for name in methods if name in present] + [name for name in present if name not in methods]
    groups: dict[tuple[str, Column], list[Result]] = {}
    for result in sorted(results, key=lambda result: (names.index(result.method), result.seed)):
        groups.setdefault((result.method, result.column), []).append(result)
    for seeds in groups.values():
        _require_same_measurement(seeds)
    said = {place: phrases(seeds) for place, seeds in groups.items()}
    common = shared_phrases(list(said.values()))
    per_column = {
        column: without(shared_phrases([said[place] for place in said if place[1] == column]), common)
        for column in columns
    }
    rest = {place: "; ".join(without(said[place], common, per_column[place[1]]).values()) for place in said}
    notes = list(dict.fromkeys(note for note in rest.values() if note))
    cells = {
        place: Cell(tuple(seeds), notes.index(rest[place]) + 1 if rest[place] else None)
        for place, seeds in groups.items()
    }
    return Table(
        dataset=dataset,
        columns=columns,
        rows=tuple(_build_row(name, [cells.get((name, column)) for column in columns]) for name in names),
        common="; ".join(common.values()),
        column_notes=tuple("; ".join(per_column[column].values()) for column in columns),
        notes=tuple(notes),
        missing=tuple(column_title(column) for column in USUAL_COLUMNS if column not in columns),
    )


def _column_order(column: Column) -> tuple[int, str, bool]:
    stage = column[0].removesuffix(ORACLE)
    return (STAGES.index(stage), column[1], stage != column[0])


def _build_row(method: str, cells: Sequence[Cell | None]) -> Row:
    filled = [cell for cell in cells if cell]
    sources = dict.fromkeys(cell.results[0].saliency_source for cell in filled)
    tags = {cell.tags_given for cell in filled}
    return Row(
        method=method,
        saliency="no" if set(sources) == {NONE} else ", ".join(sources),
        tags="marked *" if len(tags) > 1 else ("yes" if tags == {True} else "no"),
        cells=tuple(cells),
    )


def _require_same_measurement(seeds: Sequence[Result]) -> None:
    first = seeds[0]
    compared = [name for name in SAME_IN_A_CELL if name not in _meaningless(first)]
    for other in seeds[1:]:
        for name in compared:
            if getattr(first, name) != getattr(other, name):
                raise DataError(
                    f"{first.method}, {first.stage}, {first.split}: seeds {first.seed} and {other.seed} differ in {name} "
                    f"({getattr(first, name)!r} in {first.run_folder}, {getattr(other, name)!r} in {other.run_folder}); "
                    "they have no common mean, give them different method names"
                )
