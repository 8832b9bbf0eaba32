"""A second round for the label maps of any method: what DeepLab-v2 makes of the training images, put right by their tags.

I2CRC's "object guided label refinement" (i2crc spec, section 6.4); ``--chain.refine true`` adds it to every method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from common.data.images import read_label_map
from common.data.sampling import Sample
from common.method.label_sets import LabelSet
from common.method.labels import Labels
from common.method.maps import TagsAlone
from common.method.segmentation import Segmentation
from common.paths import path_of_id
from common.pseudo_labels.refinement import LEAST_SHARE, refined_evidence
from common.report.html import Panel
from common.visual.overlay import label_overlay

REFINED_FOLDER = "_refined"
SECOND_ROW = ", round 2"


class SecondRound(NamedTuple):
    """Attributes: segment: the first round, which also predicts the training list; refine: the new label maps; segment2: the second."""

    segment: Segmentation
    refine: Labels
    segment2: Segmentation


def second_round(labels: Labels, label_set: Callable[[Any], LabelSet]) -> SecondRound:
    """The stages from the label maps of a method to the second segmentation.

    Args:
        labels: the stage that makes them.
        label_set: settings -> the set of label maps that they are.
    """
    segment = Segmentation(
        labels=labels,
        label_set=label_set,
        predicts="train",
        refined=True,
        followed=lambda settings: settings.chain.refine,
        text="train, test and refine DeepLab-v2 on the label maps",
    )
    refine = Labels(
        name="refine",
        text="label maps of a second round: DeepLab-v2's predictions of the training images, put right by their tags",
        maps=TagsAlone(maps=labels.maps),
        starts_from=(labels, segment),
        layout=labels.layout,
        rule=lambda settings, layout: refined_evidence,
        needs=lambda settings: (),
        decides=lambda settings: {"least_share": LEAST_SHARE},
        masked=labels.masked,
        row=lambda settings: labels.row(settings) + SECOND_ROW,
        # The predictions went through the CRF.
        column=lambda settings: "pseudo label + CRF",
        crf=lambda settings: "DeepLab-v2's, on its predictions",
        threshold=lambda settings: None,
        sweeps=lambda settings: False,
        uses_saliency=labels.uses_saliency,
        folder=lambda settings: refined_folder(labels, settings),
        report_folder=labels.report_folder,
        in_chain=lambda settings: settings.chain.refine,
    )
    segment2 = Segmentation(
        name="segment2",
        labels=refine,
        label_set=label_set,
        experiment_ending="_round2",
        text="train, test and refine a second DeepLab-v2, on the label maps of the second round",
        in_chain=lambda settings: settings.chain.refine,
    )
    return SecondRound(segment, refine, segment2)


def refined_folder(labels: Labels, settings: Any) -> Path:
    """Where the label maps of the second round lie: beside the first, unless the settings name a place."""
    first = labels.folder(settings)
    return first.with_name(settings.chain.refined_labels or first.name + REFINED_FOLDER)


def refined_panels(refine: Labels, settings: Any, sample: Sample) -> Iterator[Panel]:
    """The label map of the second round over the image (``id``, ``image`` uint8 H x W x 3), where it is there."""
    path = path_of_id(refine.folder(settings), sample["id"], ".png")
    if settings.chain.refine and path.is_file():
        title = f"{refine.column(settings)}: {refine.row(settings)}"
        yield Panel(title, label_overlay(sample["image"], read_label_map(path)))
