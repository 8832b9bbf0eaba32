"""Settings of the base labels (classifier, class maps, AffinityNet, random walk, label maps) and their published spellings."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.cam.inference import CamConfig
from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig, EpochConfig
from common.errors import require
from common.method.settings import RefinedSettings, require_share
from common.models.backbones import BackboneConfig
from sod_wsss.base_labels import BaseLabelConfig
from sod_wsss.base_samples import BaseSquareConfig
from sod_wsss.puzzle import PuzzleConfig
from sod_wsss.walk_inference import RadiusConfig, WalkConfig

WEIGHT_DECAY = 1e-4


def base_optimizer() -> OptimizerConfig:
    """Stochastic gradient descent as published: the momentum is the weight decay, as the two arguments were mixed up
    (spec, sections 5 and 10, number 6)."""
    return OptimizerConfig(lr=0.1, momentum=WEIGHT_DECAY, nesterov=True, weight_decay=WEIGHT_DECAY)


def base_engine() -> EngineConfig:
    return EngineConfig(batch_size=32, last_batch="drop", workers=4)


@dataclass
class AffinityConfig(EpochConfig, RadiusConfig):
    """AffinityNet's training on confident labels; the backbone is that of the classifier with its initial weights.

    Args:
        sure_foreground: what exceeds this background score is foreground for sure.
        sure_background: where no map exceeds this one, background is sure.
        engine: how the training runs; seed, device and workers are those of the whole run.
        optimizer: optimiser of the branches; the backbone stays as it is, so that ``head_lr_multiplier`` applies to all.
        schedule: learning rates besides the decay epochs.
    """

    epochs: int = 3
    decay_epochs: list[int] = field(default_factory=list)
    # As in the README of Puzzle-CAM; its program has 0.30 and 0.05 where nothing is said.
    sure_foreground: float = 0.40
    sure_background: float = 0.10
    engine: EngineConfig = field(default_factory=base_engine)
    optimizer: OptimizerConfig = field(default_factory=base_optimizer)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        EpochConfig.__post_init__(self)
        RadiusConfig.__post_init__(self)
        require(self.epochs > 0, "affinity.epochs is 0; give at least one")
        require_share("affinity.sure_foreground", self.sure_foreground)
        require(
            0 <= self.sure_background <= self.sure_foreground,
            f"affinity.sure_background is {self.sure_background}; give 0 to affinity.sure_foreground ({self.sure_foreground})",
        )


@dataclass
class BaseSettings(RefinedSettings):
    """Train Puzzle-CAM's classifier and AffinityNet, make base labels.

    Args:
        square: what both see of an image.
        puzzle: the classifier's losses.
        training: length of the classifier's training; ``engine.max_steps`` bounds it.
        cam: class maps.
        affinity: AffinityNet.
        walk: the random walk.
        labels: base labels.
    """

    backbone: BackboneConfig = field(
        default_factory=lambda: BackboneConfig("resnest101", output_stride=16, weights="imagenet")
    )
    engine: EngineConfig = field(default_factory=base_engine)
    optimizer: OptimizerConfig = field(default_factory=base_optimizer)
    square: BaseSquareConfig = field(default_factory=BaseSquareConfig)
    puzzle: PuzzleConfig = field(default_factory=PuzzleConfig)
    training: EpochConfig = field(default_factory=lambda: EpochConfig(15, []))
    cam: CamConfig = field(default_factory=lambda: CamConfig(scales=[0.5, 1.0, 1.5, 2.0], batch_size=8))
    affinity: AffinityConfig = field(default_factory=AffinityConfig)
    walk: WalkConfig = field(default_factory=WalkConfig)
    labels: BaseLabelConfig = field(default_factory=BaseLabelConfig)
