"""What has changed among photographs and tags since a run on them was begun, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.data.classes import read_class_names
from common.data.presets import CLASSES_FILE
from common.data.tags_csv import read_csv_names
from common.errors import ConfigError, DataError
from common.failures import some_names
from common.own.photographs import Photographs


def require_unchanged(dataset: Path, photographs: Photographs) -> None:
    """Raise :class:`ConfigError` where a run was begun with other photographs, tags or classes; photographs without tags do not count.

    Args:
        dataset: where the run before this one has written what it was begun with.
    """
    try:
        classes = read_class_names(dataset / CLASSES_FILE)
        before = read_csv_names(dataset / "tags.csv", classes)
    except DataError:
        return
    changes = differences(before, photographs.tags)
    if not changes and classes != tuple(photographs.classes):
        changes = [f"the classes were {', '.join(classes)}"]
    if changes:
        raise ConfigError(
            f"the run in {dataset.parent} was begun with other photographs or tags: {'; '.join(changes)}. --force makes it anew, --out "
            "FOLDER leaves it and makes another one; to continue it, put them back"
        )


def differences(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> list[str]:
    """In words, of tagged photographs: which came, which went, which have other tags."""
    found = {
        "new": [one for one in now if one not in before],
        "gone": [one for one in before if one not in now],
        "with other tags": [one for one in now if one in before and set(now[one]) != set(before[one])],
    }
    return [f"{len(names)} {what} ({some_names(names)})" for what, names in found.items() if names]
