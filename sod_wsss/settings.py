"""Settings of the saliency network, of the selector and of the chain, and the published spellings of some of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig, EpochConfig
from common.method.settings import RefinedSettings
from sod_wsss.saliency_data import SaliencyInputConfig
from sod_wsss.saliency_encoders import EncoderConfig
from sod_wsss.saliency_losses import BceWeighting, EdgeTarget
from sod_wsss.selector import SelectorConfig

HERE = Path(__file__).parent
SOD_WSSS_CONFIGS = HERE / "configs"


@dataclass
class SodConfig(EpochConfig):
    """The saliency network and its maps.

    Args:
        train_root: folder of a saliency dataset, or of several.
        texture: name of the folder of edge maps beside images and masks; empty for the masks' own boundaries.
        left_out: list of names that are not trained on.
        given_network: a trained network in place of the training.
        log_path: folder of the training; empty for ``sod`` in the run's folder.
        cache: keep decoded images in memory: no, full, or part (each worker process its own).
        image_side: side of the square that the network sees.
        encoder: its encoder.
        inputs: what it sees of an image in training.
        bce_weighting: original (as published: boundaries weigh more in the IoU alone) or repaired.
        edges: what the edge branch learns: boundary (Dice), texture (with cross-entropy), or none.
        engine: how the training runs; seed, device and workers are those of the whole run.
        optimizer: optimiser; the decoder learns ``head_lr_multiplier`` times as fast as the encoder.
        schedule: learning rates besides the decay epochs.
        min_max: stretch every map to 0..1, as published: no map is empty then.
        mirrored: average with the mirror image.
        batch_size: images of one pass when maps are made.
    """

    epochs: int = 150
    decay_epochs: list[int] = field(default_factory=lambda: [15, 30, 45, 60, 75, 90, 120])
    train_root: str = ""
    texture: str = ""
    left_out: str = ""
    given_network: str = ""
    log_path: str = ""
    cache: Literal["no", "full", "part"] = "no"
    image_side: int = 224
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    inputs: SaliencyInputConfig = field(default_factory=SaliencyInputConfig)
    bce_weighting: BceWeighting = "original"
    edges: EdgeTarget = "boundary"
    engine: EngineConfig = field(default_factory=lambda: EngineConfig(clip_grad_value=0.8))
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig("adam", lr=1e-4, weight_decay=0.0, head_lr_multiplier=1.0)
    )
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("constant", gamma=0.5))
    min_max: bool = True
    mirrored: bool = False
    batch_size: int = 8


@dataclass
class SodWsssSettings(RefinedSettings):
    """Train a saliency network, make base labels, put salient objects into them, segment.

    Args:
        sod: the saliency network and its maps.
        select: the salient object selector.
    """

    out: str = "runs/sod_wsss"
    sod: SodConfig = field(default_factory=SodConfig)
    select: SelectorConfig = field(default_factory=SelectorConfig)
