"""Which masks to look at first, without knowing the true ones.

Signs that can be had without true masks are weighed and added up. The weights are round numbers that were chosen with an eye on two
networks, each on 200 training images of ``voc_animals`` whose true masks were hidden: rank correlation of the score with one minus the mean
IoU of the image 0.86 and 0.67; of the twenty images called most doubtful 18 and 11 are among the twenty worst, all and 18 among the worst
fifty. Without the network's own confidence it is 0.79 and 0.46, with 15 and 9 of the twenty. (Of the second no class maps were at hand.) On
masks of ``wsss own`` for 200 other photographs, with the CRF, which nobody had looked at before: 0.42, with 5 of the twenty among the
twenty worst and 12 among the worst fifty. So the order is a help, and no substitute for a look.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.cam.files import Cams
from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL
from common.metrics.confidence import Confidence, read_confidence
from common.own.pictures import resized_labels
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import pseudo_label

LabelMap = npt.NDArray[np.uint8]
# Below this share of an image a class is not seen; a foreground below TINY_AREA or above HUGE_AREA is unusual.
SEEN, TINY_AREA, HUGE_AREA = 0.002, 0.01, 0.9
# Per tag that is not found; per class that is found and not tagged, in full from a tenth of the image on; for an unusual foreground.
MISSING, FOREIGN, SIZE = 0.5, 0.5, 0.3
# Where a class map is above this the classifier has seen its class.
MAP_SPEAKS = 0.3


class Comparison(NamedTuple):
    """``weight`` per 1.0 of disagreement; said in words (of the agreement) from ``said`` on, while the score counts all of it."""

    weight: float
    said: float
    text: str


COMPARISONS = {
    "unsure": Comparison(2.0, 0.4, "the network itself expects an overlap of {:.0%} with the true mask"),
    "label": Comparison(0.25, 0.5, "network and pseudo label agree on {:.0%} of the objects"),
    "maps": Comparison(0.5, 0.7, "network and class maps agree on {:.0%} of the objects"),
}


@dataclass(frozen=True)
class Doubt:
    """What speaks against the mask of one image.

    Attributes:
        id: of the image.
        score: 0 for nothing; higher is more doubtful.
        reasons: in words, the weightiest first.
        areas: class name -> share of the image in the mask, 0..1, of the classes seen.
        measured: sign -> 0..1 of those that compare: ``unsure``, ``label`` and ``maps``; without what could not be compared.
    """

    id: str
    score: float
    reasons: tuple[str, ...]
    areas: Mapping[str, float]
    measured: Mapping[str, float]


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


class Witnesses(NamedTuple):
    """What an image's mask can be compared with, None for what there is not.

    Attributes:
        pseudo_label: what the network learned from for this image, uint8 H x W; none for an image that was held back.
        cams: the classifier's maps, of any size.
        confidence: of the network that made the mask.
    """

    pseudo_label: LabelMap | None = None
    cams: Cams | None = None
    confidence: Confidence | None = None


def read_witnesses(
    labels: Callable[[str], Path], maps: Callable[[str], Cams | None], confidences: Callable[[str], Path]
) -> Callable[[str], Witnesses]:
    """``id -> witnesses``, of the files that are there.

    Args:
        maps: id -> class maps, None where there are none.
    """

    def read(image_id: str) -> Witnesses:
        label, confidence = labels(image_id), confidences(image_id)
        return Witnesses(
            read_label_map(label) if label.is_file() else None,
            maps(image_id),
            read_confidence(confidence) if confidence.is_file() else None,
        )

    return read


def disagreements(mask: LabelMap, witnesses: Witnesses) -> dict[str, float]:
    """``unsure``, ``label``, ``maps`` -> 0 (none) to 1, of those that can be compared with the mask, uint8 H x W."""
    found = {}
    label, cams = witnesses.pseudo_label, witnesses.cams
    if witnesses.confidence is not None:
        found["unsure"] = 1 - witnesses.confidence.expected_overlap
    if label is not None and label.shape == mask.shape:
        found["label"] = 1 - foreground_agreement(mask, label)
    if cams is not None and cams.maps.size:
        seen = pseudo_label(cams.maps, cams.keys, constant(MAP_SPEAKS, (cams.maps.shape[1], cams.maps.shape[2])))
        found["maps"] = 1 - foreground_agreement(resized_labels(mask, seen), seen)
    return found


def signs_of(areas: Mapping[str, float], tags: Sequence[str]) -> list[tuple[float, str]]:
    """(weight, words) of what the classes of the mask and their areas say."""
    signs = [(MISSING, f"{name} is tagged and not found") for name in tags if name not in areas]
    signs += [
        (FOREIGN * min(1.0, 10 * share), f"{name} is found and not tagged ({share:.1%})")
        for name, share in areas.items()
        if name not in tags
    ]
    foreground = sum(areas.values())
    if tags and foreground < TINY_AREA:
        signs.append((SIZE, f"hardly any object ({foreground:.1%} of the image)"))
    if foreground > HUGE_AREA:
        signs.append((SIZE, f"hardly any background (objects cover {foreground:.0%})"))
    return signs


def doubt_of(
    image_id: str,
    mask: LabelMap,
    tags: Sequence[str],
    classes: Sequence[str],
    witnesses: Witnesses | None = None,
) -> Doubt:
    """Weigh the signs.

    Args:
        mask: the prediction, uint8 H x W.
        tags: what the image shows.
    """
    areas, measured = areas_of(mask, classes), disagreements(mask, witnesses or Witnesses())
    signs = signs_of(areas, tags)
    score = sum(weight for weight, _ in signs)
    for name, value in measured.items():
        comparison = COMPARISONS[name]
        score += comparison.weight * value
        if value > comparison.said:
            signs.append((comparison.weight * value, comparison.text.format(1 - value)))
    signs.sort(key=lambda sign: -sign[0])
    return Doubt(image_id, round(score, 3), tuple(text for _, text in signs), areas, measured)


def doubts(
    masks: Callable[[str], Path],
    tags: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    witnesses: Callable[[str], Witnesses],
) -> list[Doubt]:
    """Those of all images whose mask is there, the most doubtful first.

    What cannot be compared for an image, as it was held back from training, counts as much as for the mean of the others: it would
    otherwise stand behind them.
    """
    found = [
        doubt_of(image_id, read_label_map(masks(image_id)), names, classes, witnesses(image_id))
        for image_id, names in tags.items()
        if masks(image_id).is_file()
    ]
    means = {
        name: float(np.mean(values))
        for name in COMPARISONS
        if (values := [one.measured[name] for one in found if name in one.measured])
    }
    found = [dataclasses.replace(one, score=round(one.score + absent(one, means), 3)) for one in found]
    return sorted(found, key=lambda one: (-one.score, one.id))


def absent(doubt: Doubt, means: Mapping[str, float]) -> float:
    """What the signs add that could not be measured for the image, at their ``means``."""
    return sum(COMPARISONS[name].weight * mean for name, mean in means.items() if name not in doubt.measured)


@dataclass(frozen=True)
class TagAgreement:
    """How the masks of some images agree with their tags, for one class.

    Attributes:
        name: the class.
        tagged, found, both: number of images.
        mean_area, median_area, smallest, largest: shares of the image, over the images in which it is found; 0 where it never is.
    """

    name: str
    tagged: int
    found: int
    both: int
    mean_area: float
    median_area: float = 0.0
    smallest: float = 0.0
    largest: float = 0.0


def agreement_by_class(
    found: Sequence[Doubt], tags: Mapping[str, Sequence[str]], classes: Sequence[str]
) -> list[TagAgreement]:
    """One entry per class, over the given images."""
    entries = []
    for name in classes:
        areas = [one.areas[name] for one in found if name in one.areas]
        tagged = sum(name in tags[one.id] for one in found)
        both = sum(name in tags[one.id] and name in one.areas for one in found)
        mean, median = (float(np.mean(areas)), float(np.median(areas))) if areas else (0.0, 0.0)
        smallest, largest = min(areas, default=0.0), max(areas, default=0.0)
        entries.append(TagAgreement(name, tagged, len(areas), both, mean, median, smallest, largest))
    return entries
