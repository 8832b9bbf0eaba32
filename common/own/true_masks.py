"""True masks of some photographs, e.g. mended in an annotation tool: read before anything is trained."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL
from common.errors import ConfigError, DataError
from common.exchange.images import ImagesByName
from common.exchange.reading import read_masks
from common.failures import STAGE_FILE, some_names
from common.files import write_json
from common.own.photographs import Photographs
from common.paths import path_of_id

# In the output folder.
TRUE = "true_masks"
MASKS_OF_A_RUN = "masks"


@dataclass(frozen=True)
class TrueMasks:
    """What was given.

    Attributes:
        folder: label maps <id>.png of the run's classes.
        source: file or folder that they come from.
        form: COCO, CVAT, labelme or label maps.
        ids: their images.
        digest: of ids and pixels.
        notes: what does not fit the tags, in words.
    """

    folder: Path
    source: Path
    form: str
    ids: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]

    def file(self, image_id: str) -> Path:
        return path_of_id(self.folder, image_id, ".png")


def given_true_masks(source: Path | None, photographs: Photographs, out: Path) -> TrueMasks | None:
    """Read ``--masks`` into ``out/true_masks``; None where there are none.

    Raises:
        ConfigError: they are the masks that a network predicted, or lie where they would be taken for photographs.
        DataError: they cannot be read, see :func:`common.exchange.reading.read_masks`.
    """
    if source is None:
        return None
    place, predicted = source.resolve(), out.resolve()
    if place.is_relative_to(predicted) and place.name == MASKS_OF_A_RUN:
        raise ConfigError(
            f"--masks {source} holds all that a network predicted; copy those you mended into another folder"
        )
    among = place.is_dir() and place.is_relative_to(photographs.images.resolve())
    # JSON beside the photographs is where labelme puts it.
    if among and not next(place.rglob("*.json"), None):
        raise ConfigError(
            f"--masks {source} lies among the photographs, where its files are taken for some; move it elsewhere"
        )
    folder = out / TRUE
    if (folder / STAGE_FILE).is_file():
        shutil.rmtree(folder)
    elif folder.exists():
        raise DataError(f"{folder} is in the way; move it, it was not made by this command")
    # Before the label maps: a folder that a stopped command has left is known again.
    write_json(folder / STAGE_FILE, {"source": str(place)})
    read = read_masks(source, ImagesByName(photographs.images), photographs.classes, folder)
    digest, notes = hashlib.sha256(), notes_of_names(read.ids, read.without_image, photographs)
    foreign, missing = [], []
    for image_id in read.ids:
        label_map = read_label_map(path_of_id(folder, image_id, ".png"))
        digest.update(f"{image_id}\n{label_map.shape}\n".encode() + label_map.tobytes())
        seen = {photographs.classes[label - 1] for label in np.unique(label_map) if 0 < label < IGNORE_LABEL}
        tags = set(photographs.tags.get(image_id, seen))
        foreign += [f"{image_id} ({name})" for name in sorted(seen - tags)]
        missing += [f"{image_id} ({name})" for name in sorted(tags - seen)]
    notes += [f"{len(foreign)} classes in true masks are not tagged: {some_names(foreign)}"] if foreign else []
    notes += [f"{len(missing)} tags have no pixel in the true mask: {some_names(missing)}"] if missing else []
    print(f"true masks:  {len(read.ids)} of {source} ({read.form})")
    for note in notes:
        print(f"note: {note}")
    return TrueMasks(folder, source, read.form, read.ids, digest.hexdigest(), tuple(notes))


def notes_of_names(ids: Sequence[str], without_image: Sequence[str], photographs: Photographs) -> list[str]:
    notes, untagged = [], [one for one in ids if one not in photographs.tags]
    if without_image:
        notes.append(f"{len(without_image)} true masks are of images that are not there: {some_names(without_image)}")
    if untagged:
        notes.append(
            f"{len(untagged)} true masks are of images without tags, which nothing learns from: {some_names(untagged)}"
        )
    return notes
