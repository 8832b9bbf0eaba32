"""Sections of the YAML file that say what is read and where results go.

Keys are those of the published files (deeplabv2 spec, sections 4 and 5.1). Some of those files leave keys blank (``ROOT:``);
such a key is None by default and takes the value given in brackets below. A key *read by nothing* is accepted so that the
files parse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

DatasetKey = Literal[
    "voc12", "vocaug", "coco14", "folder", "toy", "voc", "voc_test", "coco", "cocostuff10k", "cocostuff164k"
]


def fill_blanks(section: object, **defaults: Any) -> None:
    """Give the settings of ``section`` that are None their default value."""
    for name, default in defaults.items():
        if getattr(section, name) is None:
            setattr(section, name, default)


@dataclass
class Experiment:
    """Where outputs go.

    Args:
        ID: name of the experiment in output paths.
        OUTPUT_DIR: folder of all outputs.
        METHOD: row of the results table, e.g. the method that made the pseudo labels; empty for "fully supervised", or the
            name of DATASET.LABEL_DIR.
        SALIENCY_SOURCE: what made the saliency maps behind the pseudo labels, or none.
    """

    ID: str = "voc12"
    OUTPUT_DIR: str = "data"
    METHOD: str = ""
    SALIENCY_SOURCE: str = "none"


@dataclass
class Split:
    """Names of lists in the dataset, or list files.

    Args:
        TRAIN: the list to train on (train_aug).
        VAL: the list to test on (val).
        TEST: the list that submit packs (test).
    """

    TRAIN: str | None = None
    VAL: str | None = None
    TEST: str | None = None

    def __post_init__(self) -> None:
        fill_blanks(self, TRAIN="train_aug", VAL="val", TEST="test")


@dataclass
class Dataset:
    """Images, masks and lists.

    Args:
        NAME: voc12, vocaug, coco14, folder or toy; of the published names voc, voc_test (both voc12) and coco (coco14).
            The two COCO-Stuff sets are known by name only: their networks can predict, not train or be tested.
        ROOT: the dataset's folder, or the folder that holds VOC2012 (data/datasets/voc12).
        LABELS: file of label names for pictures, a number, a tab and names separated by commas per line; blank for the
            names that the dataset has.
        LABEL_DIR: folder of training masks <id>.png, e.g. pseudo labels; empty for the dataset's own.
        WARP_IMAGE: COCO-Stuff 10k only; read by nothing.
        N_CLASSES: number of labels, background included.
        IGNORE_LABEL: label that takes no part (255).
        SCALES: factors of the training images (0.5, 0.75, 1, 1.25, 1.5).
        SPLIT: lists.
        SCORE_CLASSES: class names to score, empty for all; the others are ignored in the masks.
    """

    NAME: DatasetKey = "vocaug"
    ROOT: str | None = None
    LABELS: str | None = None
    LABEL_DIR: str | None = None
    WARP_IMAGE: bool | None = None
    N_CLASSES: int = 21
    IGNORE_LABEL: int | None = None
    SCALES: list[float] | None = None
    SPLIT: Split = field(default_factory=Split)
    SCORE_CLASSES: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        scales = [0.5, 0.75, 1.0, 1.25, 1.5]
        fill_blanks(self, ROOT="data/datasets/voc12", LABELS="", LABEL_DIR="", IGNORE_LABEL=255, SCALES=scales)


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
        TRAIN: side of the training crop (321).
        TEST: longer side of the images of demo and predict (513). Test runs at full size, or at RUN.TEST_LONG_SIDE.
    """

    BASE: int | None = None
    TRAIN: int | None = None
    TEST: int | None = None

    def __post_init__(self) -> None:
        fill_blanks(self, TRAIN=321, TEST=513)


@dataclass
class ImageSettings:
    """Colours and sizes."""

    MEAN: Mean = field(default_factory=Mean)
    SIZE: ImageSize = field(default_factory=ImageSize)
