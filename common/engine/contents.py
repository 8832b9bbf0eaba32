"""What the paths among settings lead to: a run or a dataset that was moved is known again by its content, not by its place.

Beside the settings of a run or of a stage lies ``inputs.json``: for every path among them a fingerprint of what it led to, and for
trainings those of list, tags and classes. A path that is spelled otherwise, or leads elsewhere, is the same setting where the content is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from common.config_files import flatten
from common.data.layout import DatasetLayout
from common.data.tag_fingerprint import tag_fingerprint
from common.errors import DataError
from common.failures import FAILED_FILE, STAGE_FILE
from common.models.weights import file_fingerprint
from common.records import read_record

INPUTS_FILE = "inputs.json"
INPUTS_SHAPE = {"contents": "dict?", "folder": "text?", "suffix": "text?", "ids": "list[str]?"}
# Compared whatever the paths are, and said so.
LIST, TAGS, CLASSES = "the list of images", "the tags", "the class names"
ALWAYS_COMPARED = (LIST, TAGS, CLASSES)
WEIGHT_SUFFIXES = (".pth", ".pt", ".safetensors", ".params", ".caffemodel", ".bin")
# Records that lie beside what they are about.
RECORDS = (STAGE_FILE, FAILED_FILE, INPUTS_FILE, "origin.json")
# The tags of a record: the file's name, the fingerprint, whose they are.
DESCRIBED_TAGS = re.compile(r"\S* ?([0-9a-f]{8})( \(.+\))?")
SAMPLED_FILES, SAMPLED_BYTES = 16, 1 << 20


def text_fingerprint(parts: Iterable[str]) -> str:
    """First 8 hexadecimal digits of the SHA-256 of lines."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def folder_fingerprint(folder: Path) -> str:
    """Of the names of all files at any depth, and of the beginnings of 16 of them; hidden files and records of stages do not count."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inside = Path(place).relative_to(folder)
        found += [(inside / name).as_posix() for name in names if not name.startswith(".") and name not in RECORDS]
    found.sort()
    digest = hashlib.sha256("\n".join(found).encode())
    for place_of_file in sorted({len(found) * part // SAMPLED_FILES for part in range(SAMPLED_FILES)} if found else ()):
        with (folder / found[place_of_file]).open("rb") as file:
            digest.update(file.read(SAMPLED_BYTES))
    return digest.hexdigest()[:8]


def path_fingerprint(path: str) -> str | None:
    """Of the content of a file or folder; None where the path leads to neither, or it cannot be read."""
    place = Path(path)
    try:
        if place.is_file():
            return file_fingerprint(place)
        return folder_fingerprint(place) if place.is_dir() else None
    except (OSError, ValueError):
        return None


def contents_of_settings(settings: Mapping[str, Any], left_out: Collection[str] = ()) -> dict[str, str]:
    """Dotted setting -> fingerprint of what it leads to, for all settings that are paths and for descriptions of tags.

    Args:
        settings: nested.
        left_out: dotted settings whose content nobody asks for.
    """
    known: dict[str, str | None] = {}
    contents = {}
    for name, value in flatten(settings).items():
        if not isinstance(value, str) or not value or name in left_out:
            continue
        described = DESCRIBED_TAGS.fullmatch(value)
        if described and name.rpartition(".")[2] == "tags":
            contents[name] = described[1]
            continue
        if value not in known:
            known[value] = path_fingerprint(value)
        found = known[value]
        if found:
            contents[name] = found
    return contents


def contents_of_dataset(layout: DatasetLayout, split: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """List, tags and classes of a training, and what the paths of ``settings["data"]`` mean within the dataset.

    Args:
        split: the list that is trained on.
        settings: nested, with a section ``data`` where the dataset is the method's.
    """
    contents = {LIST: text_fingerprint(layout.ids(split)), CLASSES: text_fingerprint(layout.classes)}
    if layout.tags is not None or layout.school is not None:
        # Where they cannot be read, a training that looks at them says so itself.
        with contextlib.suppress(DataError):
            contents[TAGS] = tag_fingerprint(layout.read_tags(list(dict.fromkeys(layout.ids(split)))))[:8]
    given = settings.get("data", {})
    for name in ("train", "val"):
        if given.get(f"{name}_list"):
            with contextlib.suppress(DataError):
                contents[f"data.{name}_list"] = text_fingerprint(layout.ids(name))
    for name, folder in (("images", layout.images), ("masks", layout.masks), ("saliency", layout.saliency)):
        found = path_fingerprint(str(folder)) if given.get(name) else None
        if found:
            contents[f"data.{name}"] = found
    whole = [contents[name] for name in ALWAYS_COMPARED if name in contents]
    same = {
        "data.root": text_fingerprint(whole),
        "data.tags": contents.get(TAGS, ""),
        "data.classes": contents[CLASSES],
    }
    return contents | {name: found for name, found in same.items() if found and given.get(name.rpartition(".")[2])}


def recorded_inputs(folder: Path) -> dict[str, Any]:
    """What ``inputs.json`` of a folder says: ``contents``, and of a stage ``folder`` (its name), ``suffix`` and ``ids`` of the files that it
    has written; empty values where it is of an earlier version.

    Raises:
        DataError: it is damaged.
    """
    file, nothing = folder / INPUTS_FILE, {"contents": {}, "folder": "", "suffix": "", "ids": []}
    return nothing | (read_record(file, INPUTS_SHAPE, "delete it") if file.is_file() else {})


def recorded_contents(folder: Path) -> dict[str, str]:
    """The contents that were recorded in a folder."""
    contents: dict[str, str] = recorded_inputs(folder)["contents"]
    return contents
