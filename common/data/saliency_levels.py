"""Saliency maps stored as 0..255 or as 0..1: found out over all maps of a dataset, never from a single one.

A map may be black, or reach grey level 1 and no more, among maps of 0..255; maps that nowhere go above 1 are those of
another scale. Read as 0..255 they would count as empty.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from common.data.images import read_saliency_levels
from common.errors import DataError

# Largest values that maps are stored with.
GREY, UNIT = 255, 1
# What a result says besides the source of maps that were not stored as grey levels.
SCALED = "maps stored as 0..1, times 255"


def largest_saliency(files: Iterable[Path], where: object) -> int:
    """The value that stands for salient in the maps of a dataset: 1 where none of them goes above 1 and not all are
    empty, else 255.

    Looks at maps until one goes above 1, so that usually one is read. Maps that are missing or cannot be read are left to
    those who need them. Says so on stderr, once per process, where maps are not 0..255.

    Args:
        files: the maps.
        where: what they are called when that is said.
    """
    highest, n_maps = 0.0, 0
    for file in files:
        try:
            highest = max(highest, float(read_saliency_levels(file).max()))
        except DataError:
            continue
        n_maps += 1
        if highest > UNIT:
            return GREY
    if not highest > 0:
        return GREY
    say_once(
        f"saliency maps in {where}: none of {n_maps} goes above {highest:g}, so they are taken as 0..1, times 255; "
        "data.saliency_largest 255 takes them as they are"
    )
    return UNIT


def listed_files(ids_of: Callable[[str], Sequence[str]], path_of: Callable[[str], Path]) -> Iterator[Path]:
    """The files there are of both lists of a dataset.

    Args:
        ids_of: list name -> ids.
        path_of: id -> file.
    """
    for split in ("train", "val"):
        ids: Sequence[str] = ()
        with suppress(DataError):
            ids = ids_of(split)
        for image_id in ids:
            with suppress(DataError):
                yield path_of(image_id)


def stated_source(source: str, largest: int) -> str:
    """What made saliency maps, in the words of a result: also how they are stored, where not as grey levels."""
    return source if largest == GREY else f"{source} ({SCALED})"


def stated_storage(largest: int) -> dict[str, int]:
    """What the record of files made from saliency maps says besides: nothing for grey levels, as in earlier versions."""
    return {} if largest == GREY else {"saliency_largest": largest}


@cache
def say_once(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
