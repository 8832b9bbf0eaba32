"""True masks in the results: kept as they are, and held against the network's own masks where it has not learned from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from common.data.images import read_image, read_label_map
from common.data.palette import write_label_map
from common.exchange.images import ImagesByName
from common.files import atomic_write
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from common.own.chain import MASK_FOLDER, OVERLAYS
from common.own.learned_labels import copy_file
from common.own.photographs import Photographs
from common.own.true_masks import TrueMasks
from common.paths import path_of_id
from common.visual.overlay import label_overlay

# Folder of the network's own masks of images that have true ones.
PREDICTED = "predicted"
# A score over fewer images may be off by many points.
FEW_SCORED = 20
QUALITY_OF_OVERLAYS = 90


def keep_true_masks(true: TrueMasks, photographs: Photographs, results: Path) -> None:
    """Put the true masks and their overlays in the place of the predicted ones, which go to ``results/predicted``."""
    images = ImagesByName(photographs.images)
    for image_id in true.ids:
        mask, aside = (path_of_id(results / name, image_id, ".png") for name in (MASK_FOLDER, PREDICTED))
        if mask.is_file() and not aside.is_file():
            copy_file(mask, aside)
        label_map = read_label_map(true.file(image_id))
        write_label_map(mask, label_map)
        overlay = path_of_id(results / OVERLAYS, image_id, ".jpg")
        if overlay.is_file():
            write_overlay(overlay, label_overlay(read_image(images.file(image_id), upright=True), label_map))


def write_overlay(path: Path, picture: np.ndarray) -> None:
    """Write a picture, uint8 RGB H x W x 3, as JPEG."""
    image = Image.fromarray(picture)
    atomic_write(path, lambda file: image.save(file, format="JPEG", quality=QUALITY_OF_OVERLAYS))


def facts_of_true_masks(
    true: TrueMasks, training: Collection[str], held: Collection[str], classes: Sequence[str], results: Path
) -> dict[str, str]:
    """What the page says: where they come from, what they were used for, and the score of the network's own masks of images that were
    held back."""
    learned, scored = ([one for one in true.ids if one in set(ids)] for ids in (training, held))
    scored = [one for one in scored if path_of_id(results / PREDICTED, one, ".png").is_file()]
    facts = {
        "true masks": f"{len(true.ids)} of {true.source.name} ({true.form}), kept as they are: {len(learned)} were learned from in the "
        f"place of pseudo labels, {len(scored)} are of images that were held back"
    }
    if scored:
        few = f"; fewer than {FEW_SCORED} may be off by many points" if len(scored) < FEW_SCORED else ""
        facts["mIoU against true masks"] = (
            f"{100 * held_back_score(true, scored, classes, results):.1f} %, the network's own masks of {len(scored)} images that were "
            f"held back{few}"
        )
    return facts


def held_back_score(true: TrueMasks, ids: Sequence[str], classes: Sequence[str], results: Path) -> float:
    """Mean IoU, 0..1, over background and classes that the true masks show, of predicted masks."""
    matrices = [
        confusion_matrix(
            read_label_map(true.file(one)),
            read_label_map(path_of_id(results / PREDICTED, one, ".png")),
            len(classes) + 1,
        )
        for one in ids
    ]
    return compute_scores(np.sum(matrices, axis=0)).mean_iou


def without_true_masks(tags: Mapping[str, Sequence[str]], true: TrueMasks | None) -> dict[str, Sequence[str]]:
    """The tags of images whose masks are still a network's: those to judge without knowing the true ones."""
    known = set(true.ids) if true else set()
    return {one: names for one, names in tags.items() if one not in known}
