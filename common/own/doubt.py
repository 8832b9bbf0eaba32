"""Which masks to look at first, without knowing the true ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL

LabelMap = npt.NDArray[np.uint8]
# Below this share of an image a class is not seen; a foreground below TINY or above HUGE is unusual.
SEEN, TINY, HUGE = 0.002, 0.01, 0.9
# How much each sign adds to the doubt of an image, whose signs add up.
MISSING, FOREIGN, SIZE, DISAGREEMENT = 1.0, 0.6, 0.4, 1.0


@dataclass(frozen=True)
class Doubt:
    """What speaks against the mask of one image.

    Attributes:
        id: of the image.
        score: 0 for nothing; higher is more doubtful.
        reasons: in words, the weightiest first.
        areas: class name -> share of the image in the mask, 0..1, of the classes seen.
    """

    id: str
    score: float
    reasons: tuple[str, ...]
    areas: Mapping[str, float]


def areas_of(label_map: LabelMap, classes: Sequence[str]) -> dict[str, float]:
    """Class name -> share of the image (uint8 H x W), of the classes that are seen."""
    counts = np.bincount(label_map.ravel(), minlength=256)
    shares = {name: float(counts[label]) / label_map.size for label, name in enumerate(classes, start=1)}
    return {name: share for name, share in shares.items() if share >= SEEN}


def foreground_agreement(one: LabelMap, other: LabelMap) -> float:
    """Overlap of two label maps of one size: pixels that both give the same class, of those that either gives one. 1 where none does."""
    known = (one != IGNORE_LABEL) & (other != IGNORE_LABEL)
    either = known & ((one > 0) | (other > 0))
    return float((one == other)[either].mean()) if either.any() else 1.0


def doubt_of(
    image_id: str, mask: LabelMap, tags: Sequence[str], classes: Sequence[str], pseudo_label: LabelMap | None
) -> Doubt:
    """Weigh the signs.

    Args:
        mask: the prediction, uint8 H x W.
        tags: what the image shows.
        pseudo_label: what the network learned from for this image, uint8 H x W; None for an image that was held back.
    """
    areas = areas_of(mask, classes)
    signs: list[tuple[float, str]] = [
        (MISSING, f"{name} is tagged and not found") for name in tags if name not in areas
    ]
    signs += [
        (FOREIGN * min(1.0, 10 * share), f"{name} is found and not tagged ({share:.1%})")
        for name, share in areas.items()
        if name not in tags
    ]
    foreground = sum(areas.values())
    if tags and foreground < TINY:
        signs.append((SIZE, f"hardly any object ({foreground:.1%} of the image)"))
    if foreground > HUGE:
        signs.append((SIZE, f"hardly any background (objects cover {foreground:.0%})"))
    if pseudo_label is not None and pseudo_label.shape == mask.shape:
        agreement = foreground_agreement(mask, pseudo_label)
        if agreement < 0.5:
            signs.append(
                (DISAGREEMENT * (1 - agreement), f"network and pseudo label agree on {agreement:.0%} of the objects")
            )
    signs.sort(reverse=True)
    return Doubt(image_id, round(sum(weight for weight, _ in signs), 3), tuple(text for _, text in signs), areas)


def doubts(
    masks: Callable[[str], Path],
    pseudo_labels: Callable[[str], Path],
    tags: Mapping[str, Sequence[str]],
    classes: Sequence[str],
) -> list[Doubt]:
    """Those of all images whose mask is there, the most doubtful first."""
    found = []
    for image_id, names in tags.items():
        if not masks(image_id).is_file():
            continue
        label = pseudo_labels(image_id)
        pseudo_label = read_label_map(label) if label.is_file() else None
        found.append(doubt_of(image_id, read_label_map(masks(image_id)), names, classes, pseudo_label))
    return sorted(found, key=lambda one: (-one.score, one.id))


@dataclass(frozen=True)
class TagAgreement:
    """How the masks of some images agree with their tags, for one class.

    Attributes:
        name: the class.
        tagged, found, both: number of images.
        mean_area: mean share of the image, over the images in which it is found; 0 where it never is.
    """

    name: str
    tagged: int
    found: int
    both: int
    mean_area: float


def agreement_by_class(
    found: Sequence[Doubt], tags: Mapping[str, Sequence[str]], classes: Sequence[str]
) -> list[TagAgreement]:
    """One entry per class, over the given images."""
    entries = []
    for name in classes:
        areas = [one.areas[name] for one in found if name in one.areas]
        tagged = sum(name in tags[one.id] for one in found)
        both = sum(name in tags[one.id] and name in one.areas for one in found)
        entries.append(TagAgreement(name, tagged, len(areas), both, float(np.mean(areas)) if areas else 0.0))
    return entries
