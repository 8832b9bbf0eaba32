"""What was found, as a dataset of the toolbox: links to the folders, ``classes.txt``, ``tags.csv``, and lists with images held back."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from common.data.image_names import SUFFIX_VARIANTS, find_file
from common.data.presets import CLASSES_FILE
from common.data.tags_csv import tags_as_csv
from common.errors import DataError
from common.files import write_json, write_text
from common.own.photographs import Photographs

MOST_HELD_OUT = 500
# Id -> bytes of the photograph's file.
SIZES_FILE = "sizes.json"


def hold_out(tags: Mapping[str, Sequence[str]], share: float, seed: int) -> tuple[list[str], list[str]]:
    """(training ids, ids held back), each in the order of ``tags``. Every class keeps at least half of its images for training.

    Args:
        tags: id -> class names.
        share: of the images that is held back; at least one image is, at most 500.
    """
    order = list(tags)
    random.Random(seed).shuffle(order)
    wanted = min(MOST_HELD_OUT, max(1, round(share * len(order))))
    left = {
        name: sum(name in names for names in tags.values())
        for name in {one for names in tags.values() for one in names}
    }
    least = {name: -(-count // 2) for name, count in left.items()}
    held: set[str] = set()
    for image_id in order:
        names = set(tags[image_id])
        if len(held) < wanted and all(left[name] - 1 >= least[name] for name in names):
            held.add(image_id)
            for name in names:
                left[name] -= 1
    return [one for one in tags if one not in held], [one for one in tags if one in held]


def write_dataset(
    root: Path, photographs: Photographs, held_out: tuple[Sequence[str], Sequence[str]], links: Mapping[str, Path]
) -> None:
    """Write the dataset; the photographs themselves stay where they are.

    Args:
        held_out: training ids and ids held back.
        links: name inside the dataset -> folder, e.g. saliency maps.
    """
    training, held = held_out
    write_text(root / CLASSES_FILE, "".join(f"{name}\n" for name in photographs.classes))
    write_text(root / "tags.csv", tags_as_csv(photographs.tags))
    # Without quotes "my cat 1" could be read as an id with a class number.
    write_text(root / "train.txt", "".join(f'"{one}"\n' for one in training))
    write_text(root / "val.txt", "".join(f'"{one}"\n' for one in held))
    write_json(root / SIZES_FILE, file_sizes(photographs))
    for name, folder in {"images": photographs.images, **links}.items():
        link_folder(root / name, folder)


def file_sizes(photographs: Photographs) -> dict[str, int]:
    """Id -> bytes of the files of all photographs, with tags or without, that are there."""
    sizes = {}
    for image_id in (*photographs.tags, *photographs.untagged):
        with suppress(DataError, OSError):
            sizes[image_id] = find_file(photographs.images, image_id, SUFFIX_VARIANTS, "photograph").stat().st_size
    return sizes


def link_folder(link: Path, folder: Path) -> None:
    """Make ``link`` lead to ``folder``, whatever it led to before.

    Raises:
        DataError: something else than a link is in its place, or ``folder`` is not there.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise DataError(f"{link} is in the way; move it, it was not made by this command")
    link.symlink_to(os.path.abspath(folder), target_is_directory=True)
