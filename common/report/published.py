"""Published numbers, apart from those that were measured: with their source and under which conditions they were made."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

from common.errors import DataError
from common.strict_yaml import load_yaml

FILE = "published.yaml"


@dataclass(frozen=True)
class Published:
    """A number as somebody published it: ``value`` is mIoU in percent of ``what``, for the dataset ``data`` (voc, coco).

    ``method`` is the row, ``chain`` the method of this toolbox that makes such a row; empty for what all are read against.
    """

    method: str
    chain: str
    data: str
    what: str
    value: float
    source: str
    conditions: str


def published_numbers(data: str) -> list[Published]:
    """Those of a dataset; none for other datasets than VOC and COCO.

    Raises:
        DataError: a value is not in percent.
    """
    text = importlib.resources.files("common.report").joinpath(FILE).read_text(encoding="utf-8")
    entries = [Published(**entry) for entry in load_yaml(text, FILE)]
    wrong = [one for one in entries if not 0 < one.value < 100]
    if wrong:
        raise DataError(f"{FILE}: {wrong[0].method}, {wrong[0].what} is {wrong[0].value}; give percent")
    return [one for one in entries if one.data == data]
