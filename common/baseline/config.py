"""Settings of the baseline's four stages."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.cam.inference import CamConfig
from common.data.layout import DataConfig
from common.engine.optimizer import OptimizerConfig
from common.engine.run_folder import RunFolder
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from common.models.backbones import BackboneConfig


@dataclass
class ClassifierAugmentation:
    """What the classifier sees of an image.

    Args:
        crop_size: side of the square that is cut out, in pixels.
        area: least and greatest share of the image's area in the square.
        scales: when given, the image is scaled by one of these factors and cut without distortion (padded where it is
            smaller than the square), and ``area`` is not used.
        color_jitter: strength of brightness, contrast and saturation changes; 0 for none.
    """

    crop_size: int = 224
    area: tuple[float, float] = (0.35, 1.0)
    scales: list[float] = field(default_factory=list)
    color_jitter: float = 0.2


@dataclass
class LabelConfig:
    """How CAMs become pseudo labels.

    Args:
        background: constant (plain CAM), power ((1 - max) ** alpha) or saliency (CAM x saliency: background where
            saliency <= saliency_threshold, elsewhere the strongest tagged class).
        threshold: constant background score in 0..1.
        choose_threshold: take the threshold that is best against the masks of the list instead; the results say so.
        alpha: exponent of the power background.
        saliency_threshold: in 0..1.
        saliency_source: which network and data made the saliency maps; part of every result that used them.
        crf: none, label (CRF on the hard labels, as IRN) or cam (CRF on the maps and the power background, as EPS).
    """

    background: Literal["constant", "power", "saliency"] = "constant"
    threshold: float = 0.25
    choose_threshold: bool = False
    alpha: float = 8.0
    saliency_threshold: float = 0.5
    saliency_source: str = ""
    crf: Literal["none", "label", "cam"] = "none"

    def __post_init__(self) -> None:
        if self.background != "power" and self.crf == "cam":
            raise ConfigError(
                f"labels.crf cam works on the power background; with labels.background {self.background} use crf label"
            )
        for name in ("threshold", "saliency_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"labels.{name} is {getattr(self, name)}; give a number between 0 and 1")
        if not 0 < self.alpha < math.inf:
            raise ConfigError(f"labels.alpha is {self.alpha}; give a positive number (the field uses 4 to 32)")

    @property
    def method(self) -> str:
        """The row of the results table."""
        return {"constant": "plain CAM", "power": "plain CAM, power background", "saliency": "CAM x saliency"}[
            self.background
        ]

    @property
    def folder(self) -> str:
        """Name of the folder of label maps."""
        name = {"constant": "plain_cam", "power": "plain_cam_power", "saliency": "cam_x_saliency"}[self.background]
        return name if self.crf == "none" else f"{name}_crf_{self.crf}"


@dataclass
class BaselineConfig:
    """Train a classifier on image tags, compute CAMs, make and score pseudo labels.

    Args:
        out: folder of the run; CAMs and labels are written there too.
        force: redo what is there.
        split: list of the training images (train or val).
        score_classes: names to score; others are ignored in the masks. Empty scores all.
        data: the dataset.
        backbone: the classifier's body.
        augmentation: what the classifier sees.
        engine: how the training runs.
        optimizer: optimiser.
        schedule: learning-rate schedule.
        cam: CAM inference.
        labels: pseudo labels.
    """

    out: str = "runs/baseline"
    force: bool = False
    split: Literal["train", "val"] = "train"
    score_classes: list[str] = field(default_factory=list)
    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    augmentation: ClassifierAugmentation = field(default_factory=ClassifierAugmentation)
    engine: EngineConfig = field(default_factory=EngineConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    cam: CamConfig = field(default_factory=CamConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.out)

    @property
    def cam_folder(self) -> Path:
        return Path(self.out) / "cams"

    @property
    def label_folder(self) -> Path:
        return Path(self.out) / "labels" / self.labels.folder

    @property
    def sweep_file(self) -> Path:
        return Path(self.out) / "threshold_sweep.json"
