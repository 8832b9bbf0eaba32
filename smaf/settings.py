"""Settings of EPS and SMAF, the published spellings of some of them, and those in which the rows of the ablation differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.bounds import bounded, bounded_share, bounded_side, require_bounds
from common.commands import Flag
from common.config_files import Aliases, Renamed
from common.data.colours import ColourConfig
from common.engine.optimizer import OptimizerConfig
from common.errors import require
from common.method.amount import Amount
from common.method.method import Variant
from common.method.settings import LongSidesConfig, RefinedSettings, require_long_sides
from common.models.backbones import BackboneConfig
from common.pseudo_labels.rule import LabelConfig
from smaf.files import FilesConfig
from smaf.fusion import FusionConfig
from smaf.network import HeadName

SMAF_HOME = Path(__file__).parent
SMAF_CONFIGS = SMAF_HOME / "configs"
# Stages are declared for so many rounds of self-training.
MOST_ROUNDS = 4


@dataclass
class LongSideConfig(LongSidesConfig, ColourConfig):
    """What the networks see of an image; the colours change in the first training only."""

    crop_size: int = bounded_side(448, 16)
    long_sides: list[int] = field(default_factory=lambda: [256, 512])

    def __post_init__(self) -> None:
        super().__post_init__()
        require_bounds(self, "crop")
        require_long_sides("crop.long_sides", self.long_sides)


@dataclass
class SaliencyLossConfig:
    """EPS's saliency loss.

    Args:
        tau: share of a class's pixels that must lie in the salient region, lest the class counts as background.
        lam: weight of the estimate from the foreground maps against that from the background's (VOC 0.5, COCO 0.9).
    """

    tau: float = bounded_share(0.4)
    lam: float = bounded_share(0.5)

    def __post_init__(self) -> None:
        require_bounds(self, "saliency_loss")


@dataclass
class SelfTrainingConfig:
    """The rounds of self-training.

    Args:
        round_steps: optimiser steps of a round; 0 takes ``engine.max_steps``, which bounds it in any case.
        round_lr: learning rate; 0 takes ``optimizer.lr``.
        maps: folder of fused maps (``<id>.npz`` or the published ``<id>.npy``) for the first round, in place of those that the
            stage ``fuse`` makes.
        floor: score of the background in the targets, which a map must exceed (published 0.2).
        saliency_weight: weight of saliency in the foreground of the targets, against the fused maps'; 0 leaves it out, as published.
        prototypes: weigh the targets by prototypes. As published they change nothing, and are left out.
        prototype_momentum: share of a new mean feature in a prototype.
    """

    round_steps: int = bounded(0, least=0)
    round_lr: float = bounded(0.0, least=0, most=1000)
    maps: str = ""
    floor: float = bounded(0.2, above=0, most=1)
    saliency_weight: float = bounded_share(0.0)
    prototypes: bool = False
    prototype_momentum: float = bounded_share(1e-4)

    def __post_init__(self) -> None:
        require_bounds(self, "self_training")


@dataclass
class SmafSettings(RefinedSettings):
    """Train EPS, fuse its multi-scale maps, train the network on them in rounds, make and score pseudo masks.

    Args:
        head: cls (CAM baseline, no saliency), plain (EPS) or projection (SMAF's network).
        lift: put EPS's plain head exactly into a network with projection, where a given checkpoint has one.
        initial_model: a trained EPS in place of the stage eps: a file of EPS, of SMAF or of this toolbox.
        rounds: rounds of self-training; 0 is EPS alone, 1 is SMAF.
        crop: what the networks see.
        saliency_loss: EPS's loss.
        self_training: the rounds.
        cam: multi-scale fusion.
        files: the paper's own files.
        labels: pseudo masks.
        segment_eps: DeepLab-v2 also learns from EPS's masks, not from the last ones alone.
        every_round: the chain also makes and scores the masks of EPS and of the rounds before the last.
    """

    out: str = "logdir"
    backbone: BackboneConfig = field(
        default_factory=lambda: BackboneConfig(name="resnet38", output_stride=8, frozen_stages=1, freeze_batchnorm=True)
    )
    # As published, where the optimiser's second argument is the weight decay: the momentum is 5e-4, not 0.9.
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=0.01, momentum=5e-4))
    head: HeadName = "projection"
    lift: bool = False
    initial_model: str = ""
    rounds: int = bounded(1, least=0, most=MOST_ROUNDS)
    crop: LongSideConfig = field(default_factory=LongSideConfig)
    saliency_loss: SaliencyLossConfig = field(default_factory=SaliencyLossConfig)
    self_training: SelfTrainingConfig = field(default_factory=SelfTrainingConfig)
    cam: FusionConfig = field(default_factory=FusionConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    labels: LabelConfig = field(default_factory=lambda: LabelConfig(threshold=0.2, crf="label_all"))
    every_round: bool = True
    segment_eps: bool = True

    def __post_init__(self) -> None:
        require_bounds(self)
        baseline = self.head == "cls"
        require(
            not baseline or self.rounds == 0,
            "the CAM baseline (head cls) has no background map to train on; rounds is 0",
        )
        require(
            not baseline or self.cam.normalise == "maximum",
            "cam.normalise foreground needs a background map, which the head cls has not; set it to maximum",
        )
        require(
            not self.self_training.prototypes or self.engine.accumulate == 1,
            "self_training.prototypes moves its teacher once per batch; leave engine.accumulate at 1",
        )

    @property
    def name(self) -> str:
        """Row of the results table."""
        of_eps = "EPS" if self.head != "cls" else "EPS's CAM baseline"
        of_rounds = [of_eps, "SMAF", *(f"SMAF, {number} rounds" for number in range(2, MOST_ROUNDS + 1))]
        return self.report.method or of_rounds[self.rounds]


def head_of_network(name: str) -> str:
    """``network.resnet38_cls`` and ``network.resnet38_eps`` of the published scripts."""
    return {"network.resnet38_cls": "cls", "network.resnet38_eps": "plain"}.get(name, name)


def out_of_log_folder(folder: str) -> str:
    """``logdir`` for the published ``logdir/proda_model``: this toolbox names the folders of the trainings itself."""
    named = Path(folder)
    return str(named.parent) if named.name in ("eps_cls_mode", "proda_model") else folder


def is_made(folder: str) -> bool:
    """True for a folder ``cam_npy`` as it is published.

    Raises:
        ConfigError: it lies elsewhere, where this toolbox does not write.
    """
    require(
        Path(folder).parent.name in ("cam_o_vec", "result_crf"),
        f"cam_npy is {folder}; fused maps lie in <out>/cam_o_vec/cam_npy and <out>/proda_model/result_crf/cam_npy: leave it out, "
        "or give --out",
    )
    return True


def label_crf_of(switch: str | bool) -> str:
    """``--crf`` of the published programs switches the CRF on, whatever follows it; the names here stay."""
    known = ("none", "label", "label_all", "cam")
    return switch if isinstance(switch, str) and switch in known else "label_all"


# The last ones change nothing, as in the published code, in which the teacher and the prototypes do not reach the weights.
SMAF_KEYS: Aliases = {
    "momentum": "optimizer.momentum",
    "network": Renamed("head", head_of_network),
    "dataset": Renamed("data.dataset", lambda name: {"voc12": "vocaug", "coco": "coco14"}.get(name, name)),
    "data_root": "data.root", "img_root": "data.images", "gt_dir": "data.masks", "saliency_root": "data.saliency",
    "train_list": "data.train_list", "infer_list": "data.train_list", "val_list": "data.val_list",
    "lr": "optimizer.lr", "wt_dec": "optimizer.weight_decay", "max_iters": "engine.max_steps", "schedule_iters": "schedule.length",
    "batch_size": "engine.batch_size", "num_workers": "engine.workers", "crop_size": "crop.crop_size",
    "resize_size": "crop.long_sides", "tau": "saliency_loss.tau", "lam": "saliency_loss.lam", "thr": "labels.threshold",
    "log_folder": Renamed("out", out_of_log_folder), "save_root": "out", "path_soft": "self_training.maps",
    "proto_momentum": "self_training.prototype_momentum",
    "cam_npy": Renamed("files.npy", is_made),
    "crf": Renamed("labels.crf", label_crf_of), "crf_alpha": "labels.alpha",
    **dict.fromkeys(("name", "session", "proto_rectify", "ema", "moving_prototype", "used_save_pseudo", "crf_t")),
    **dict.fromkeys(("n_gpus", "n_processes_per_gpu")),
}  # fmt: skip
SMAF_FLAGS = (
    Flag(
        ("--sweep",),
        "--labels.choose_threshold",
        "",
        "of the thresholds 0.05 to 0.70 take the best against the masks of the list; threshold_sweep.json has all",
    ),
    Flag(("--data_root",), "--data.root", "FOLDER", "the dataset, as --root"),
    Flag(
        ("--train_list", "--infer_list"),
        "--data.train_list",
        "LIST",
        "the list of training images, of which masks are made",
    ),
    Flag(
        ("--checkpoint",), "--checkpoint", "FILE", "a trained network to make maps with, in place of the settings' own"
    ),
    Flag(("--initial_model",), "--initial_model", "FILE", "a trained EPS in place of the stage eps"),
    Flag(("--backbone.weights",), "--backbone.weights", "WEIGHTS", "ImageNet weights of the backbone"),
    Flag(("--cam_png",), "--files.cam_png", "FOLDER", "where the masks before the CRF go"),
    Flag(("--crf_png",), "--files.crf_png", "FOLDER", "where the masks after the CRF go"),
    Flag(
        ("--path_soft",),
        "--self_training.maps",
        "FOLDER",
        "fused maps for the first round, in place of the stage fuse's",
    ),
)

LAST_ONLY: dict[str, Any] = {"every_round": False}
# The fusion and the masks of the real photographs' configuration.
KEPT_BACKGROUND: dict[str, Any] = {
    "cam.normalise": "foreground", "self_training.floor": 0.5, "self_training.saliency_weight": 0.5, "labels.background": "mean",
}  # fmt: skip
# What both momenta are measured with: EPS by the published optimiser. At its rate a round on the toy set ends in background everywhere.
SGD: dict[str, Any] = {
    **LAST_ONLY,
    "rounds": 0,
    "optimizer.name": "sgd",
    "optimizer.lr": 0.01,
    "optimizer.weight_decay": 5e-4,
    "optimizer.head_lr_multiplier": 10.0,
}


SMAF_ROWS = {
    "cls": Variant("EPS's CAM baseline", {**LAST_ONLY, "rounds": 0, "head": "cls"}),
    # Its rows are EPS and every round.
    "rounds": Variant("SMAF, 3 rounds", {"rounds": 3}),
    "mean": Variant("SMAF, mean with saliency", {**LAST_ONLY, "labels.background": "mean"}, "rounds"),
    "one_scale": Variant("SMAF, one scale fused", {**LAST_ONLY, "cam.scales": [1.0]}, "rounds", ("eps",)),
    "published_floor": Variant("SMAF, floor 0.2", {**LAST_ONLY, "self_training.floor": 0.2}, "rounds", ("eps",)),
    "prototypes": Variant("SMAF + prototypes", {**LAST_ONLY, "self_training.prototypes": True}, "rounds", ("eps",)),
    "foreground": Variant("SMAF, background map kept", {**LAST_ONLY, **KEPT_BACKGROUND}, "rounds", ("eps",)),
    "plain": Variant("SMAF, EPS's head", {**LAST_ONLY, "head": "plain"}),
    "momentum": Variant("EPS, SGD, momentum 0.9", {**SGD, "optimizer.momentum": 0.9}),
    "published_momentum": Variant("EPS, SGD, momentum 0.0005", {**SGD, "optimizer.momentum": 5e-4}),
}


def smaf_on_photographs(settings: SmafSettings, amount: Amount) -> dict[str, Any]:
    """EPS takes all passes, a round half of them."""
    batch = settings.engine.batch_size
    return {"engine.max_steps": amount.steps(batch), "self_training.round_steps": amount.steps(batch, 1 / 2)}
