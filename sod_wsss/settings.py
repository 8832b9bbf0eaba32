"""Settings of the saliency network, the base labels, the selector and the chain, and the published spellings of some of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from common.bounds import MOST_IMAGES, bounded, bounded_share, bounded_side, require_bounds
from common.cam.inference import CamConfig
from common.commands import Flag
from common.config_files import Aliases, Renamed
from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig, EpochConfig
from common.errors import require
from common.method.amount import Amount
from common.method.method import Variant
from common.method.settings import RefinedSettings
from common.models.backbones import BackboneConfig
from sod_wsss.label_rules import BaseLabelConfig, SelectorConfig
from sod_wsss.puzzle import BaseSquareConfig, PuzzleConfig
from sod_wsss.random_walk import RadiusConfig, WalkConfig
from sod_wsss.saliency_data import SaliencyInputConfig
from sod_wsss.saliency_encoders import EncoderConfig
from sod_wsss.saliency_losses import BceWeighting, EdgeTarget

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

    epochs: int = bounded(3, least=1)
    decay_epochs: list[int] = field(default_factory=list)
    # As in the README of Puzzle-CAM; its program has 0.30 and 0.05 where nothing is said.
    sure_foreground: float = bounded_share(0.40)
    sure_background: float = bounded_share(0.10)
    engine: EngineConfig = field(default_factory=base_engine)
    optimizer: OptimizerConfig = field(default_factory=base_optimizer)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        require_bounds(self, "affinity")
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


HERE = Path(__file__).parent
SOD_WSSS_CONFIGS = HERE / "configs"
# The folder of edge maps that holds the masks' boundaries.
BOUNDARIES = "bound"


@dataclass
class SodConfig(EpochConfig):
    """The saliency network and its maps.

    Args:
        train_root: folder of a saliency dataset, or of several.
        texture: name of the folder of edge maps beside images and masks; empty for the masks' own boundaries.
        val_root: validation dataset, or folder of several.
        left_out: list of names of train_root that are not trained on; without val_root they are the validation images.
        validate_every: epochs between two validations; the weights of the lowest MAE are kept.
        given_network: a trained network in place of the training.
        log_path: folder of the training; empty for ``sod`` in the run's folder.
        cache: keep decoded images in memory: no; with full or part, which are the same, each process that loads images keeps those it
            has read.
        square_side: side of the square that the network sees.
        encoder: its encoder.
        inputs: what it sees of an image in training.
        bce_weighting: original (as published: boundaries weigh more in the IoU alone) or repaired.
        edge_loss: the edge branch learns: texture's edges (Dice and cross-entropy), else the masks' boundaries (Dice).
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
    val_root: str = ""
    left_out: str = ""
    validate_every: int = bounded(1, least=1)
    given_network: str = ""
    log_path: str = ""
    cache: Literal["no", "full", "part"] = "no"
    square_side: int = bounded_side(224)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    inputs: SaliencyInputConfig = field(default_factory=SaliencyInputConfig)
    bce_weighting: BceWeighting = "original"
    edge_loss: bool = True
    engine: EngineConfig = field(default_factory=lambda: EngineConfig(clip_grad_value=0.8))
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig("adam", lr=1e-4, weight_decay=0.0, head_lr_multiplier=1.0)
    )
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("constant", gamma=0.5))
    min_max: bool = True
    mirrored: bool = False
    batch_size: int = bounded(8, least=1, most=MOST_IMAGES)

    @property
    def edges(self) -> EdgeTarget:
        """What the edge branch learns."""
        if not self.edge_loss:
            return "none"
        return "texture" if self.texture and self.texture.strip("/") != BOUNDARIES else "boundary"


@dataclass
class SodWsssSettings(BaseSettings):
    """Train a saliency network, make base labels, put salient objects into them, segment.

    Args:
        sod: the saliency network and its maps.
        select: the salient object selector.
        base_rows: what the chain does with the base labels as they are: score them, segment them too, or nothing.
        v3plus: configuration of DeepLabv3+, which learns from the selected labels besides DeepLab-v2; empty for none.
    """

    out: str = "runs/sod_wsss"
    base_rows: Literal["none", "scored", "segmented"] = "segmented"
    v3plus: str = ""
    sod: SodConfig = field(default_factory=SodConfig)
    select: SelectorConfig = field(default_factory=SelectorConfig)


SWIN_NAMES = {
    "swin-base-224": "swin-base",
    "resnet-50": "resnet50",
    "resnet-101": "resnet101",
    "mobilenetv2": "mobilenet_v2",
}


def milestones(decay_epoch: int) -> list[int]:
    """Epochs at whose start the rate falls: the first six multiples, and 120 (sod_wsss spec, section 5)."""
    return [*(number * decay_epoch for number in range(1, 7)), 120]


def device_of_gpu(number: int) -> str:
    """The GPU of a number; where there is none, what there is, with a word about it."""
    if number < torch.cuda.device_count():
        return f"cuda:{number}"
    print(f"--gpu_id {number}: this machine has {torch.cuda.device_count()} GPUs; --device auto takes what there is")
    return "auto"


# The published flags of SOD_train.py; those that mean nothing there either are accepted.
SALIENCY_KEYS: Aliases = {
    "backbone": Renamed("sod.encoder.name", lambda name: SWIN_NAMES.get(name, name)),
    "max_epoch": "sod.epochs", "lr": "sod.optimizer.lr", "train_batch": "sod.engine.batch_size",
    "decay_epoch": Renamed("sod.decay_epochs", milestones), "gamma": "sod.schedule.gamma",
    "clip": "sod.engine.clip_grad_value", "gpu_id": Renamed("engine.device", device_of_gpu),
    "train_root": "sod.train_root", "val_root": "sod.val_root", "log_path": "sod.log_path", "texture": "sod.texture",
    "edge_loss": Renamed("sod.edge_loss", bool), "cache-mode": "sod.cache", "test_batch": "sod.batch_size",
    "accumulation-steps": "sod.engine.accumulate", "network": "sod.given_network",
    **dict.fromkeys(("mfusion", "save_result", "tag", "optim", "disable_amp")),
}  # fmt: skip
SOD_FLAGS = (
    Flag(
        ("--train_root", "--sod.train_root"), "--sod.train_root", "FOLDER", "saliency dataset, or a folder of several"
    ),
    Flag(("--val_root", "--sod.val_root"), "--sod.val_root", "FOLDER", "the same for validation"),
    Flag(("--sod.left_out",), "--sod.left_out", "LIST", "names of train_root for validation instead of training"),
    Flag(("--log_path", "--sod.log_path"), "--sod.log_path", "FOLDER", "where the training goes"),
    Flag(("--network", "--sod.given_network"), "--sod.given_network", "FILE", "a trained saliency network"),
    Flag(("--sod.encoder.weights",), "--sod.encoder.weights", "WEIGHTS", "initial weights of the encoder"),
    Flag(("--backbone.weights",), "--backbone.weights", "WEIGHTS", "initial weights of the other networks"),
    Flag(("--labels", "--select.labels"), "--select.labels", "FOLDER", "pseudo labels of any method to select in"),
    Flag(
        ("--alpha", "--select.one_threshold"),
        "--select.one_threshold",
        "T",
        "one threshold for all classes; 1 replaces nothing",
    ),
    Flag(("--saliency", "--data.saliency"), "--data.saliency", "FOLDER", "saliency maps"),
)

SELECTED_ALONE: dict[str, Any] = {"base_rows": "none", "v3plus": ""}
# Rows of the ablation; those that train other networks come with their own, the others with those of the full method.
SOD_ROWS = {
    "base": Variant("SOD-WSSS, base labels alone", {**SELECTED_ALONE, "select.one_threshold": 1.0}, "full"),
    "full": Variant("SOD-WSSS", SELECTED_ALONE),
    "any_overlap": Variant("SOD-WSSS, alpha 0", {**SELECTED_ALONE, "select.one_threshold": 0.0}, "full"),
    "stricter": Variant("SOD-WSSS, alpha 0.7", {**SELECTED_ALONE, "select.one_threshold": 0.7}, "full"),
    "stretched": Variant("SOD-WSSS, saliency stretched to 0..1", {**SELECTED_ALONE, "sod.min_max": True}, "full"),
    "given_saliency": Variant(
        "SOD-WSSS, the dataset's saliency maps", {**SELECTED_ALONE, "sod.train_root": ""}, "full"
    ),
    "pieces": Variant(
        "SOD-WSSS, classifier with four pieces", {**SELECTED_ALONE, "puzzle.pieces": 4}, "full", ("sod",)
    ),
    "weighted": Variant(
        "SOD-WSSS, boundaries weigh in both losses",
        {**SELECTED_ALONE, "sod.bce_weighting": "repaired"},
        "full",
        ("train", "affinity"),
    ),
    "no_edges": Variant(
        "SOD-WSSS, saliency without edges", {**SELECTED_ALONE, "sod.edge_loss": False}, "full", ("train", "affinity")
    ),
}


def sod_wsss_on_photographs(settings: SodWsssSettings, amount: Amount) -> dict[str, Any]:
    """The classifier takes all passes, AffinityNet half of them; the saliency network is trained on other images."""
    training = amount.epochs(settings.engine.batch_size)
    return {"training.epochs": training, "affinity.epochs": amount.epochs(settings.affinity.engine.batch_size, 1 / 2)}
