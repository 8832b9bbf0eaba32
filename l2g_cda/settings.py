"""Settings of all stages: what to train on, the two networks, both trainings, the maps and the labels made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.data.layout import DataConfig
from common.engine.run_folder import RunFolder
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from l2g_cda.data.settings import CdaConfig, ViewConfig
from l2g_cda.losses import BackgroundRule
from l2g_cda.models.bodies import BodyConfig
from l2g_cda.solver import SolverConfig

StageName = Literal["base", "pasting"]


@dataclass
class LossConfig:
    """What the global network learns from the local one (l2g_cda spec, section 3).

    Args:
        distillation_weight: factor of the distillation (VOC 10, COCO 30).
        background_threshold: winners at or below it are no target at all (VOC 0.001, COCO 0.1).
        background: value of the target's background channel: indicator (VOC) or value (COCO).
        global_weight: factor of the global network's own classification loss; as published it is computed for the log only.
    """

    distillation_weight: float = 10.0
    background_threshold: float = 0.001
    background: BackgroundRule = "indicator"
    global_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.distillation_weight < 0 or self.global_weight < 0:
            raise ConfigError("loss.distillation_weight and loss.global_weight cannot be negative")
        if not 0 <= self.background_threshold < 1:
            raise ConfigError(f"loss.background_threshold is {self.background_threshold}; give a number in 0..1")


@dataclass
class StageConfig:
    """One of the two trainings.

    Args:
        epochs: passes over the list; 0 leaves the training out.
        lr: learning rate of the body.
        decay_epochs: epochs, counted over both trainings, at whose start the rate is divided by ten.
    """

    epochs: int = 10
    lr: float = 0.001
    decay_epochs: list[int] = field(default_factory=lambda: [5])

    def __post_init__(self) -> None:
        if self.epochs < 0 or not self.lr > 0:
            raise ConfigError(
                f"a stage of {self.epochs} epochs at rate {self.lr} makes no sense; correct epochs and lr"
            )


@dataclass
class MapConfig:
    """How the trained global network is turned into maps (l2g_cda spec, section 6).

    Args:
        scales: factors of the image's size; each also mirrored.
        threshold: background score of ``cam_png``; nothing else depends on it.
        values: scores (published), or probabilities: the softmax over all classes and the background, which is what the
            global network learns.
        precision: fp32, or bf16 autocast: faster, with maps that differ by a hundredth or so.
        checkpoint: file with published names to use instead of the run's own.
    """

    scales: list[float] = field(default_factory=lambda: [0.5, 1.0, 1.5, 2.0])
    threshold: float = 0.35
    values: Literal["scores", "probabilities"] = "scores"
    precision: Literal["fp32", "bf16"] = "fp32"
    checkpoint: str = ""

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError(f"maps.scales is {self.scales}; it needs at least one factor, all positive")
        require_share("maps.threshold", self.threshold)


@dataclass
class LabelConfig:
    """How attention maps become pseudo labels.

    Args:
        threshold: constant background score (thesis 0.35, L2G 0.25).
        choose_threshold: take the best of a sweep against the masks of the list instead; the results say so.
        folder: where the label maps go; empty: ``pseudo_seg_labels_<experiment_name>`` inside the dataset.
        saliency_source: which network and data made the saliency maps; part of every result.
    """

    threshold: float = 0.35
    choose_threshold: bool = False
    folder: str = ""
    saliency_source: str = ""

    def __post_init__(self) -> None:
        require_share("labels.threshold", self.threshold)


def require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}; give a number between 0 and 1")


def voc_engine() -> EngineConfig:
    """The published VOC recipe; the epochs of a stage end it, ``max_steps`` is only an upper bound."""
    return EngineConfig(max_steps=1_000_000, batch_size=3, shuffle=False, workers=8, log_every=100, save_every=1000)


@dataclass
class L2GConfig:
    """Train L2G in two stages, compute attention maps, make and score pseudo labels.

    Args:
        experiment_name: folder of the run below ``runs``, and part of the name of its pseudo labels.
        runs: folder of all runs.
        force: redo what is there.
        method: row of the results table; empty: from what is switched on.
        split: list of the training images (train or val).
        score_classes: names to score; others are ignored in the masks. Empty scores all.
        data: the dataset, with saliency maps.
        body: feature extractor of both networks.
        views: what the networks see of an image.
        cda: how objects are pasted in the second training.
        loss: targets and losses.
        solver: optimiser and schedule.
        base: the first training, without pasting.
        pasting: the second training, with pasting, from the end of the first.
        engine: how the trainings run; ``max_steps`` bounds each of them.
        maps: attention maps.
        labels: pseudo labels.
    """

    experiment_name: str = "L2G_voc"
    runs: str = "runs"
    force: bool = False
    method: str = ""
    split: Literal["train", "val"] = "train"
    score_classes: list[str] = field(default_factory=list)
    data: DataConfig = field(default_factory=DataConfig)
    body: BodyConfig = field(default_factory=BodyConfig)
    views: ViewConfig = field(default_factory=ViewConfig)
    cda: CdaConfig = field(default_factory=CdaConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    solver: SolverConfig = field(default_factory=SolverConfig)
    base: StageConfig = field(default_factory=StageConfig)
    pasting: StageConfig = field(default_factory=lambda: StageConfig(epochs=3, lr=0.0005))
    engine: EngineConfig = field(default_factory=voc_engine)
    maps: MapConfig = field(default_factory=MapConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^/\\]+", self.experiment_name) or self.experiment_name in (".", ".."):
            raise ConfigError(f"experiment_name is {self.experiment_name!r}; it names a folder, without slashes")
        if self.base.epochs < 1:
            raise ConfigError("base.epochs is 0; the first training cannot be left out")

    @property
    def out(self) -> Path:
        return Path(self.runs) / self.experiment_name

    def folder(self, stage: StageName) -> RunFolder:
        """Run folder of one training."""
        return RunFolder(self.out / stage)

    @property
    def results(self) -> Path:
        return self.out / "results.json"

    @property
    def last_stage(self) -> StageName:
        return "pasting" if self.pasting.epochs else "base"

    @property
    def label_folder(self) -> Path:
        if self.labels.folder:
            return Path(self.labels.folder)
        return Path(self.data.root) / f"pseudo_seg_labels_{self.experiment_name}"

    @property
    def attention_folder(self) -> Path:
        return self.out / "ms" / "attention"

    @property
    def method_name(self) -> str:
        """The row of the results table: L2G and what is added to it."""
        if self.method:
            return self.method
        attention = "SE" if self.body.attention == "se" else f"{self.body.attention} attention"
        added = [
            *(["suppression"] if self.body.suppression != "none" else []),
            *([attention] if self.body.attention != "none" else []),
            *(["CDA"] if self.pasting.epochs else []),
        ]
        return " + ".join(["L2G", *added])
