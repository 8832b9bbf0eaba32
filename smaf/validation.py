"""The scores that SMAF's training looks at: one pass per image, probabilities against a constant background (smaf spec, section 7).

The maps are not divided by their maxima, so these scores are not those of pseudo masks, and cannot be compared with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from common.cam.inference import CamInference, finite_sum, resize_maps
from common.commands import Command, Flag
from common.data.palette import IGNORE_LABEL, write_label_map
from common.data.sampling import Sample
from common.errors import require
from common.files import write_json
from common.method.maps import Maps
from common.method.score import evaluate_labels
from common.method.settings import with_values
from common.metrics.confusion import LabelMap
from common.metrics.scores import compute_scores, published_json
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import pseudo_label
from smaf.method import METHOD, ROUNDS, round_folder
from smaf.settings import SMAF_KEYS, SmafSettings

# Of the background, against the classes' probabilities.
VALIDATION_FLOOR = 0.2
# On VOC the published validation is on the official training list, 1,464 images, unless the settings name another.
PUBLISHED_LIST = {"voc12": "train", "vocaug": "train"}


@dataclass
class ValidationSettings(SmafSettings):
    """Score the label maps that one pass of the last network gives of each image of a list with tags and masks.

    Args:
        ignored_as_background: count pixels that the masks leave open as background, as published.
    """

    ignored_as_background: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.head != "cls", "validation compares probabilities, which the head cls does not give; score its masks"
        )


class ValidationInference(CamInference):
    """``[sample of PyramidLoader, one scale] -> [label map]`` (uint8, H x W) of a network whose class maps are probabilities."""

    def fused(self, sample: Sample, maps: Sequence[Tensor]) -> Any:
        probabilities = finite_sum([resize_maps(one, sample["size"]) for one in maps]).cpu().numpy()
        return pseudo_label(probabilities, sample["keys"], constant(VALIDATION_FLOOR, sample["size"]))


def ignored_as_background(truth: LabelMap, ignore_label: int = IGNORE_LABEL) -> LabelMap:
    """A true label map, integers H x W, with 0 in place of ``ignore_label`` (smaf spec, section 10, number 8)."""
    return np.where(truth == ignore_label, np.zeros_like(truth), truth)


def validation_folder(settings: ValidationSettings) -> Path:
    name = Path(settings.checkpoint).stem if settings.checkpoint else "last"
    return round_folder(settings.rounds)(settings) / "validation" / name


VALIDATED = Maps(
    name="validate",
    training=ROUNDS[-1],
    compute=lambda settings, network, device: ValidationInference(network, settings.cam, device),
    write=write_label_map,
    suffix=".png",
    decides=lambda settings: {"head": settings.head, "floor": VALIDATION_FLOOR},
    folder=validation_folder,
)


def validate(settings: ValidationSettings) -> int:
    """Make the label maps, print their scores, and write them to ``scores.json`` beside the maps."""
    listed = settings.data.val_list or PUBLISHED_LIST.get(settings.data.dataset, "")
    one_pass = {"cam.scales": [1.0], "cam.flip": False, "cam.long_side": 0}
    settings = with_values(settings, {"split": "val", "data.val_list": listed, **one_pass})
    status = VALIDATED.run(settings)
    layout, folder = VALIDATED.layout(settings), VALIDATED.folder(settings)
    ids = layout.ids("val")
    as_published = (
        (lambda truth, labels: (ignored_as_background(truth), labels)) if settings.ignored_as_background else None
    )
    evaluated = evaluate_labels(layout, ids, folder, prepare=as_published)
    scores, n_images = compute_scores(evaluated.matrix, over="all"), evaluated.n_images
    ignored = "counted as background" if settings.ignored_as_background else "left out"
    print(f"{folder}: {n_images} images of {layout.lists['val'].name}, ignored pixels {ignored}")
    values = {
        "overall accuracy": scores.pixel_accuracy,
        "mean accuracy": scores.mean_accuracy,
        "mean IoU": scores.mean_iou,
        "frequency-weighted accuracy": scores.frequency_weighted_iou,
    }
    print(", ".join(f"{name} {100 * value:.2f}" for name, value in values.items()))
    write_json(folder / "scores.json", {**published_json(scores), "ignored": ignored, "n_images": n_images})
    return status


VALIDATE = Command(
    "Score the last network as its training does: one pass per image, probabilities against a constant background.",
    ValidationSettings,
    validate,
    (
        Flag(("--val_list",), "--data.val_list", "LIST", "the list (default: on VOC train, else the dataset's own)"),
        Flag(("--checkpoint",), "--checkpoint", "FILE", "a trained network, e.g. in the middle of the training"),
        Flag(("--ignored_as_background",), "--ignored_as_background", "", "count ignored pixels, as published"),
    ),
    SMAF_KEYS,
    find_config=lambda settings: METHOD.configs[0],
    folder=METHOD.home,
)
