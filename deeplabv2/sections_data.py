"""Sections of the YAML file that say what is read and where results go.

Keys are those of the published files (deeplabv2 spec, sections 4 and 5.1). A key left blank (``ROOT:``), as some of those
files do, takes its default. A key marked *read by nothing* is accepted so that the files parse.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

DatasetKey = Literal[
    "voc12", "vocaug", "coco14", "folder", "toy", "voc", "voc_test", "coco", "cocostuff10k", "cocostuff164k"
]


def blanks_to_defaults(section: Any) -> None:
    """Give every setting of ``section`` that is None its default value."""
    for entry in dataclasses.fields(section):
        if getattr(section, entry.name) is None:
            factory = entry.default_factory
            setattr(section, entry.name, entry.default if factory is dataclasses.MISSING else factory())


@dataclass
class Experiment:
    """Where outputs go.

    Args:
        ID: name of the experiment in output paths.
        OUTPUT_DIR: folder of all outputs.
        METHOD: row of the results table, e.g. the method that made the pseudo labels.
        SALIENCY_SOURCE: what made the saliency maps behind the pseudo labels, or none.
    """

    ID: str = "voc12"
    OUTPUT_DIR: str = "data"
    METHOD: str = "fully supervised"
    SALIENCY_SOURCE: str = "none"


@dataclass
class Split:
    """Names of the lists (or list files) to train on, and to test on; TEST is read by nothing."""

    TRAIN: str | None = "train_aug"
    VAL: str | None = "val"
    TEST: str | None = "test"

    def __post_init__(self) -> None:
        blanks_to_defaults(self)


@dataclass
class Dataset:
    """Images, masks and lists.

    Args:
        NAME: voc12, vocaug, coco14, folder or toy; of the published names voc, voc_test (both voc12) and coco (coco14).
            The two COCO-Stuff sets are known by name only: their networks can predict, not train or be tested.
        ROOT: the dataset's folder (or the folder that holds VOC2012).
        LABELS: label file of the published demo; read by nothing.
        LABEL_DIR: folder of training masks <id>.png, e.g. pseudo labels; empty for the dataset's own.
        WARP_IMAGE: COCO-Stuff 10k only; read by nothing.
        N_CLASSES: number of labels, background included.
        IGNORE_LABEL: label that takes no part.
        SCALES: factors of the training images.
        SPLIT: lists.
        SCORE_CLASSES: class names to score, empty for all; the others are ignored in the masks.
    """

    NAME: DatasetKey = "vocaug"
    ROOT: str | None = "data/datasets/voc12"
    LABELS: str | None = ""
    LABEL_DIR: str | None = ""
    WARP_IMAGE: bool | None = True
    N_CLASSES: int = 21
    IGNORE_LABEL: int | None = 255
    SCALES: list[float] | None = field(default_factory=lambda: [0.5, 0.75, 1.0, 1.25, 1.5])
    SPLIT: Split = field(default_factory=Split)
    SCORE_CLASSES: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        blanks_to_defaults(self)


@dataclass
class Dataloader:
    """NUM_WORKERS: processes that load images."""

    NUM_WORKERS: int = 2


@dataclass
class Mean:
    """Mean colour in grey levels, subtracted by networks with a Caffe input (all published ones)."""

    B: float = 104.008
    G: float = 116.669
    R: float = 122.675


@dataclass
class ImageSize:
    """Sizes in pixels.

    Args:
        BASE: longer side to which training images are scaled first; blank keeps their size.
        TRAIN: side of the training crop.
        TEST: longer side of the demo's image. Test runs at full size, or at RUN.TEST_LONG_SIDE.
    """

    BASE: int | None = None
    TRAIN: int | None = 321
    TEST: int | None = 513

    def __post_init__(self) -> None:
        blanks_to_defaults(self)


@dataclass
class ImageSettings:
    """Colours and sizes."""

    MEAN: Mean = field(default_factory=Mean)
    SIZE: ImageSize = field(default_factory=ImageSize)
