"""The sets of label maps that a chain makes, and which of them goes on to a second round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class LabelSet:
    """One set of label maps that the chain makes and scores.

    Attributes:
        values: dotted setting -> value, on top of the configuration.
        segmented: whether DeepLab-v2 learns from it.
        segmentation: configuration of DeepLab-v2 for this set; empty for ``chain.segmentation``.
        suffix: added to the row of DeepLab-v2.
        masks: the dataset's own masks in place of label maps: the ceiling. No stage makes them.
        round: number of the round in a method that repeats itself; the report draws the scores of the label maps against it.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    segmented: bool = True
    segmentation: str = ""
    suffix: str = ""
    masks: bool = False
    round: int | None = None


def one_set(settings: Any) -> Sequence[LabelSet]:
    return (LabelSet(),)


def main_set(sets: Sequence[LabelSet]) -> LabelSet:
    """The set that is the method's own result: the last from which DeepLab-v2 learns by the configuration of the chain."""
    segmented = [one for one in sets if one.segmented and not one.masks]
    own = [one for one in segmented if not one.suffix]
    return (own or segmented or [LabelSet()])[-1]
