"""Folders of an inference stage that writes several files for an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.engine.inference import STAGE_FILE, OutputFolder
from common.errors import DataError
from common.files import read_json, write_json

ORIGIN_FILE = "origin.json"


@dataclass(frozen=True)
class OutputFolders(OutputFolder):
    """A folder with a file for every image, and others beside it; an image is complete when it has all its files.

    Attributes:
        others: the other folders. Each keeps the record of its own files, so that those of an earlier run, which this
            one does not write, are not taken for part of it.
        origin: what helps to find the inputs again, and is not among what the files depend on (a path).
    """

    others: Sequence[OutputFolder] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, ids: Sequence[str]) -> None:
        super().begin(ids)
        for other in self.others:
            other.begin(ids)
        write_json(self.path / ORIGIN_FILE, dict(self.origin))

    def missing(self, ids: Sequence[str]) -> list[str]:
        lacking = {*super().missing(ids), *(image_id for other in self.others for image_id in other.missing(ids))}
        return [image_id for image_id in ids if image_id in lacking]


def read_record(folder: Path) -> dict[str, Any] | None:
    """The settings that the files of ``folder`` were made with; None where there is no such record."""
    return read_mapping(folder / STAGE_FILE)


def read_origin(folder: Path) -> dict[str, Any]:
    return read_mapping(folder / ORIGIN_FILE) or {}


def read_mapping(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    values = read_json(path)
    if not isinstance(values, dict):
        raise DataError(f"{path} does not hold settings; delete the folder it is in and make it again")
    return values
