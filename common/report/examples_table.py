"""Where the pictures of example images stand: one row per image, the same column for the same stage of the same method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from common.report.results import STAGES

CAM = "CAM"
# Of an image, whatever the method.
SHARED = ("image", "ground truth", "saliency", CAM)


class ExampleColumn(NamedTuple):
    """``method`` is empty for what an image has whatever the method."""

    stage: str
    method: str


class ExampleGrid(NamedTuple):
    """A table of pictures, which are named by their place among the image's panels.

    Attributes:
        groups: (stage, its methods) in the order of the columns.
        cells: per image and column the panels, none where the image has no such picture.
        others: per image the panels that belong to no column: what a method shows of its inside.
    """

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    cells: tuple[tuple[tuple[int, ...], ...], ...]
    others: tuple[tuple[int, ...], ...]


def column_of(title: str) -> ExampleColumn | None:
    """The column of a panel's title (``pseudo label: plain CAM``), None for one that stands in no column."""
    stage, _, method = title.partition(": ")
    if stage == CAM:
        return ExampleColumn(CAM, "")
    if title in SHARED:
        return ExampleColumn(title, "")
    return ExampleColumn(stage, method) if stage in STAGES and method else None


def arrange_examples(titles: Sequence[Sequence[str]], methods: Sequence[str] = ()) -> ExampleGrid:
    """Place the panels of every image, given by their titles; of several with one title, as seeds give them, the first is taken.

    Args:
        methods: order of the methods; others follow as they come.
    """
    found = dict.fromkeys(column for shown in titles for title in shown if (column := column_of(title)))
    stages, order = [*SHARED, *STAGES], [*methods, *(column.method for column in found)]
    columns = sorted(found, key=lambda column: (stages.index(column.stage), order.index(column.method)))
    groups = {column.stage: tuple(one.method for one in columns if one.stage == column.stage) for column in columns}
    first = [{title: place for place, title in reversed(list(enumerate(shown)))} for shown in titles]
    placed = [{place: column_of(title) for title, place in shown.items()} for shown in first]
    cells = tuple(
        tuple(tuple(sorted(p for p, at in one.items() if at == column)) for column in columns) for one in placed
    )
    others = tuple(tuple(sorted(place for place, at in one.items() if at is None)) for one in placed)
    return ExampleGrid(tuple(groups.items()), cells, others)
