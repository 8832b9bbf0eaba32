"""Whether tags and masks speak of the same classes, and the likely cause where they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.data.classes import COCO_CLASSES

Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

# COCO's 80 classes have the category ids 1..90; these ten are not used.
COCO_GAPS = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
COCO_IDS = tuple(number for number in range(1, 91) if number not in COCO_GAPS)
# A cause has to bring this much more agreement, and to explain nearly everything.
LEAST_GAIN, LEAST_EXPLAINED = 0.15, 0.85
# Below these agreements all classes together, or one class, do not differ by chance or by what annotators overlook: VOC's
# most different tags and masks agree by 0.86 in their worst class.
LEAST_OVERALL, LEAST_OF_CLASS = 0.8, 0.5
# A class of fewer images says nothing on its own.
LEAST_IMAGES = 5


@dataclass(frozen=True)
class Agreement:
    """Tags and masks of the images that have both.

    Args:
        ids: of the images.
        tagged: bool [N, C].
        shown: bool [N, 256], by the value of the mask; 0 and 255 are background and ignored.
    """

    ids: tuple[str, ...]
    tagged: Flags
    shown: Flags

    @property
    def shown_classes(self) -> Flags:
        """bool [N, C]."""
        return self.shown[:, 1 : self.tagged.shape[1] + 1]

    @property
    def both(self) -> Counts:
        """Images by class, int64 [C]."""
        return (self.tagged & self.shown_classes).sum(axis=0)

    @property
    def tag_alone(self) -> Counts:
        return (self.tagged & ~self.shown_classes).sum(axis=0)

    @property
    def mask_alone(self) -> Counts:
        return (~self.tagged & self.shown_classes).sum(axis=0)

    @property
    def n_different(self) -> int:
        """Images whose tags and mask differ."""
        return int((self.tagged != self.shown_classes).any(axis=1).sum())

    def of_classes(self) -> npt.NDArray[np.float64]:
        """Agreement of every class, float64 [C], 0..1: 2 both / (tags + masks); 1 where neither has it."""
        alone = self.tag_alone + self.mask_alone
        return np.where(alone == 0, 1.0, 2 * self.both / np.maximum(2 * self.both + alone, 1))

    def under(self, label_of_class: Mapping[int, int]) -> float:
        """Agreement of all classes, 0..1, if 0-based class c had the label ``label_of_class[c]`` in the masks.

        Classes that are not named do not count; labels that no class has count as shown without a tag.
        """
        classes, labels = list(label_of_class), list(label_of_class.values())
        tagged, shown = self.tagged[:, classes], self.shown[:, labels]
        total = int(tagged.sum() + self.shown[:, 1:255].sum())
        return 2 * int((tagged & shown).sum()) / total if total else 1.0

    @property
    def overall(self) -> float:
        return self.under({number: number + 1 for number in range(self.tagged.shape[1])})

    def is_systematic(self) -> bool:
        """Whether the differences are more than what annotators overlook."""
        many = self.both + np.maximum(self.tag_alone, self.mask_alone) >= LEAST_IMAGES
        return self.overall < LEAST_OVERALL or bool((many & (self.of_classes() < LEAST_OF_CLASS)).any())

    def worst(self, count: int) -> list[int]:
        """The places of the images that contradict each other most, the worst first."""
        differences = (self.tagged != self.shown_classes).sum(axis=1)
        agreed = (self.tagged & self.shown_classes).sum(axis=1)
        order = sorted(range(len(self.ids)), key=lambda place: (-differences[place], agreed[place]))
        return [place for place in order[:count] if differences[place]]


def compare_tags(
    tags: Mapping[str, npt.NDArray[np.float32]], pixels: Mapping[str, Mapping[int, int]], n_classes: int
) -> Agreement:
    """Tags (id -> 0/1 [C]) held against masks (id -> value -> pixels), for the ids that have both."""
    ids = tuple(image_id for image_id in pixels if image_id in tags)
    shown = np.zeros((len(ids), 256), bool)
    for place, image_id in enumerate(ids):
        shown[place, list(pixels[image_id])] = True
    tagged = np.array([tags[image_id] > 0 for image_id in ids], bool).reshape(len(ids), n_classes)
    return Agreement(ids, tagged, shown)


def likely_cause(found: Agreement, classes: Sequence[str]) -> str:
    """Why tags and masks differ, where it can be told; "" otherwise."""
    shown = set(np.flatnonzero(found.shown[:, 1:255].any(axis=0)) + 1)
    tagged = np.flatnonzero(found.tagged.any(axis=0))
    if not shown:
        return ""
    if shown == {1} and len(tagged) > 1:
        return "the masks show label 1 alone: they may tell objects from background and not one class from another"
    for text, labels in orders_of_labels(classes):
        gain = found.under(labels) - found.overall
        if gain >= LEAST_GAIN and found.under(labels) >= LEAST_EXPLAINED:
            return text
    moved = moved_classes(found)
    swapped = [(one, other - 1) for one, other in moved.items() if one < other - 1 and moved.get(other - 1) == one + 1]
    if swapped:
        pairs = ", ".join(f"{classes[one]} and {classes[other]}" for one, other in swapped[:3])
        return f"classes may be swapped in tags or masks: {pairs}"
    if moved:
        named = ", ".join(
            f"{classes[one]} is label {one + 1} here, label {label} ({name_of_label(label, classes)}) fits its tags"
            for one, label in list(moved.items())[:3]
        )
        return f"the masks may have another order of classes: {named}"
    return one_sided(found)


def orders_of_labels(classes: Sequence[str]) -> list[tuple[str, dict[int, int]]]:
    """Other numberings of the classes that masks are met with: in words, and 0-based class -> label."""
    numbers = range(len(classes))
    by_name = {number: 1 + place for place, number in enumerate(sorted(numbers, key=lambda one: classes[one]))}
    orders = [
        ("the labels of the masks may be one too high (class 1 is label 2)", {one: one + 2 for one in numbers}),
        ("the labels of the masks may be one too low (class 1 is label 0)", {one: one for one in numbers if one}),
        ("the masks may number the classes in alphabetical order, the list of classes has another", by_name),
    ]
    if len(classes) > 2:
        orders.append(("the masks may number the classes backwards", {one: len(classes) - one for one in numbers}))
    if tuple(classes) == COCO_CLASSES:
        gaps = (
            "the masks may have COCO's category ids (1..90 with gaps); labels are 1..80 here: "
            "python -m common.data.coco_labels MASKS OUT writes them so"
        )
        orders.append((gaps, dict(enumerate(COCO_IDS))))
    return [(text, labels) for text, labels in orders if labels and max(labels.values()) < 255]


def moved_classes(found: Agreement) -> dict[int, int]:
    """0-based class -> the label that fits its tags, of the classes whose own label does not."""
    overlap = found.tagged.T.astype(np.int64) @ found.shown.astype(np.int64)
    total = found.tagged.sum(axis=0)[:, None] + found.shown.sum(axis=0)[None]
    fit = np.where(total > 0, 2 * overlap / np.maximum(total, 1), 0)
    fit[:, [0, 255]] = 0
    best = fit.argmax(axis=1)
    return {
        int(one): int(best[one])
        for one in np.flatnonzero(found.tagged.sum(axis=0) >= 2)
        if best[one] != one + 1 and fit[one, one + 1] < LEAST_OF_CLASS and fit[one, best[one]] >= LEAST_EXPLAINED
    }


def name_of_label(label: int, classes: Sequence[str]) -> str:
    return classes[label - 1] if label <= len(classes) else "no class"


def one_sided(found: Agreement) -> str:
    """What differences in one direction alone point to."""
    tag_alone, mask_alone = int(found.tag_alone.sum()), int(found.mask_alone.sum())
    if tag_alone > 20 * mask_alone:
        return "nearly all are tags without a pixel: the tags may count objects that the masks leave out, as VOC's difficult ones"
    if mask_alone > 20 * tag_alone:
        return "nearly all are classes without a tag: the tags may be incomplete"
    return ""
