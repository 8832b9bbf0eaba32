"""What has changed among photographs and tags since a run on them was begun, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from common.data.classes import read_class_names
from common.data.presets import CLASSES_FILE
from common.data.tags_csv import read_csv_names
from common.errors import ConfigError, DataError
from common.failures import some_names
from common.files import read_json
from common.own.dataset import SIZES_FILE, file_sizes
from common.own.photographs import Photographs
from common.paths import path_of_id


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
    replaced = [one for one in replaced_files(dataset, photographs) if one in photographs.tags]
    if replaced:
        changes.append(f"{len(replaced)} replaced by another file ({some_names(replaced)})")
    if changes:
        raise ConfigError(
            f"the run in {dataset.parent} was begun with other photographs or tags: {'; '.join(changes)}. --force makes it anew, --out "
            "FOLDER leaves it and makes another one; to continue it, put them back"
        )


def replaced_files(dataset: Path, photographs: Photographs) -> list[str]:
    """Ids of photographs whose file has another size than when ``dataset`` was written; none where that is not known."""
    file = dataset / SIZES_FILE
    try:
        before = read_json(file) if file.is_file() else {}
    except DataError:
        return []
    return [one for one, size in file_sizes(photographs).items() if before.get(one, size) != size]


def take_away_outdated(dataset: Path, photographs: Photographs, outputs: Sequence[tuple[Path, str]]) -> None:
    """Delete what was made of photographs without tags that other files have replaced, so that it is made again.

    Args:
        outputs: (folder, ending) of what is made of each photograph.
    """
    for image_id in replaced_files(dataset, photographs):
        if image_id not in photographs.tags:
            for folder, ending in outputs:
                path_of_id(folder, image_id, ending).unlink(missing_ok=True)


def differences(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> list[str]:
    """In words, of tagged photographs: which came, which went, which have other tags."""
    found = {
        "new": [one for one in now if one not in before],
        "gone": [one for one in before if one not in now],
        "with other tags": [one for one in now if one in before and set(now[one]) != set(before[one])],
    }
    return [f"{len(names)} {what} ({some_names(names)})" for what, names in found.items() if names]
