"""All settings under the shared names; those of the published configuration file that say the same are rows of ``SGAN_KEYS``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from common.bounds import bounded, bounded_share, bounded_side, require_bounds
from common.config_files import Aliases, Renamed
from common.data.layout import DataConfig
from common.engine.optimizer import OptimizerConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError, require
from common.method.amount import Amount
from common.method.settings import ChainConfig, MethodSettings, ReportConfig
from common.models.backbones import BackboneConfig

# The folder of the published saliency maps, and what made them.
PUBLISHED_SALIENCY, PUBLISHED_SOURCE = "sal_snet", "SNet (Xiao et al. 2018), as published"


@dataclass
class SemiConfig:
    """Semi-supervised mode: true masks in place of initial seeds, and in the label maps.

    Args:
        list: file (or name of a list of the dataset) with the ids whose masks may be used; empty for none.
        share: take every ``1 / share``-th image of ``list``, or of the training list where ``list`` is empty; 0 takes all of
            ``list``.
    """

    list: str = ""
    share: float = bounded(0.0, least=1e-4, most=1, also=(0,))

    def __post_init__(self) -> None:
        require_bounds(self, "semi")

    @property
    def description(self) -> str:
        """``", 1/8 true masks"`` for results, or nothing in weakly supervised mode."""
        share = f"1/{round(1 / self.share)} " if self.share else ""
        of_list = f" of {Path(self.list).stem}" if self.list else ""
        return f", {share}true masks{of_list}" if share or of_list else ""

    @property
    def suffix(self) -> str:
        """The same for the names of outputs: ``_masks_1_8``."""
        share = f"_1_{round(1 / self.share)}" if self.share else ""
        listed = f"_{Path(self.list).stem}" if self.list else ""
        return f"_masks{listed}{share}" if listed or share else ""


@dataclass
class ClassMapConfig:
    """The maps of the trained network.

    Args:
        combine: add the maps of both branches; False takes the class maps alone.
    """

    combine: bool = True


@dataclass
class SeedRuleConfig:
    """How maps become seeds.

    Args:
        rule: sec as published, or harmonic (the published code's uncalled harmonic mean of map and saliency).
        cam_thresh: share of a class's maximum above which a position is a seed.
        ignore_conflict: leave positions with several cues unlabelled.
        at: feature, painting at feature size and enlarging by nearest neighbour as published, or image, painting at the
            size of the image.
        fill: what unlabelled pixels become: none leaves them, strongest gives them the tagged class whose map is
            strongest relative to its maximum.
        rectify: set negative map values to 0 first.
        repaired_zoom: False for the published zeros in the last row or column of images with a side of 148, 282 or 295.
        overruled: classes that give way to background wherever saliency is low; [all] for every class, where objects are
            small and their cues would be painted over the background.
    """

    rule: Literal["sec", "harmonic"] = "sec"
    cam_thresh: float = bounded_share(0.25)
    ignore_conflict: bool = False
    at: Literal["feature", "image"] = "feature"
    fill: Literal["none", "strongest"] = "none"
    rectify: bool = False
    repaired_zoom: bool = True
    overruled: list[str] = field(default_factory=lambda: ["boat", "train"])

    def __post_init__(self) -> None:
        require_bounds(self)


@dataclass
class Stage0Config(SeedRuleConfig):
    """What SGAN starts from: a classifier, and initial seeds of its CAMs by the same rule.

    Args:
        config: plain CAM's configuration of the classifier; empty where another command trains it.
        classifier: run folder of the classifier, for initial weights.
        cams: folder of its CAMs; empty for the one in its run folder.
    """

    cam_thresh: float = 0.3
    at: Literal["feature", "image"] = "image"
    config: str = "config/stage0_voc12.yaml"
    classifier: str = "../runs/sgan/stage0"
    cams: str = ""


@dataclass
class SganChainConfig(ChainConfig):
    """What reproduce makes.

    Args:
        dense: make dense label maps too (``config/dense.yml``), from which DeepLab-v2 learns in place of the seeds.
        dsrg: configuration of DeepLab-v2 with DSRG's recipe, which learns from the seeds as in the paper; empty for none.
    """

    dense: bool = False
    dsrg: str = ""


@dataclass
class SganSettings(MethodSettings):
    """Train SGAN, make seeds with it, score them.

    Args:
        cfg_name: name of the run, in the paths of all outputs.
        save_model_path: folder of all trainings, in ``out``.
        res_path: folder of all seeds, in ``out``.
        test_cfg: name of the seeds, added to that of the run.
        image_side: side in pixels to which images are resized.
        mean: without std subtracted in BGR order, 0..255; with std in RGB order, 0..1.
        std: RGB, 0..1; empty for the published configuration.
        self_attention: False keeps gamma at zero, so that the network does without the context of other positions.
        normaliser: how attention scores become weights.
        seed_subdir: initial seeds: folder in <root>/ini_seed, or a path.
        seed_loss_ratio: weight of the seed loss.
        use_sal: False makes every position salient (plain self-attention).
        sal_thresh: saliency above which a position takes part in the attention, and below which it is background.
        sdnet_path: saliency maps of the background cue: folder in <root>/sal or <root>, or a path; empty for those of the attention,
            which data.saliency names in the same way, empty for the dataset's own.
        semi: semi-supervised mode.
        cam: the maps of the trained network.
        labels: how maps become seeds.
        stage0: what SGAN starts from.
        chain: what reproduce makes.
    """

    out: str = "."
    data: DataConfig = field(
        default_factory=lambda: DataConfig(root="../data/VOCdevkit/VOC2012", saliency=PUBLISHED_SALIENCY)
    )
    backbone: BackboneConfig = field(
        default_factory=lambda: BackboneConfig(name="vgg16", output_stride=8, weights="vgg_init.pth")
    )
    engine: EngineConfig = field(
        default_factory=lambda: EngineConfig(
            max_steps=8000, batch_size=15, last_batch="drop", seed=7, workers=8, save_every=2000, keep_last=4
        )
    )
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=0.001))
    report: ReportConfig = field(default_factory=lambda: ReportConfig(method="SGAN"))
    chain: SganChainConfig = field(default_factory=SganChainConfig)
    cfg_name: str = "sgan_vgg16_321x321_snet"
    save_model_path: str = "model/"
    res_path: str = "result"
    test_cfg: str = "_seedcam_0.25"
    # With less no position would be inside the border.
    image_side: int = bounded_side(321, 17)
    mean: list[float] = bounded([104.008, 116.669, 122.675], items=(3, 3))
    std: list[float] = bounded([], above=0, most=255)
    self_attention: bool = True
    normaliser: Literal["masked_normalize", "masked_softmax", "softmax"] = "masked_normalize"
    seed_subdir: str = "base_30_bg"
    seed_loss_ratio: float = bounded(0.15, least=0, most=1e6)
    use_sal: bool = True
    sal_thresh: float = bounded_share(0.06)
    sdnet_path: str = ""
    semi: SemiConfig = field(default_factory=SemiConfig)
    cam: ClassMapConfig = field(default_factory=ClassMapConfig)
    labels: SeedRuleConfig = field(default_factory=SeedRuleConfig)
    stage0: Stage0Config = field(default_factory=Stage0Config)

    def __post_init__(self) -> None:
        if not self.cfg_name or Path(self.cfg_name).name != self.cfg_name:
            raise ConfigError(f"cfg_name is {self.cfg_name!r}; give a name that can be a folder's, without slashes")
        require_bounds(self)
        require(len(self.std) in (0, 3), f"std is {self.std}; give one number for each of R, G and B, or none")
        if self.data.saliency == PUBLISHED_SALIENCY and not self.report.saliency_source:
            self.report = dataclasses.replace(self.report, saliency_source=PUBLISHED_SOURCE)

    @property
    def name(self) -> str:
        """Name of the run, and how many true masks it uses."""
        return self.cfg_name + self.semi.suffix

    def result(self, *suffixes: str) -> Path:
        """``<out>/<res_path>/<name><suffixes>``: where maps, seeds, label maps and scores lie."""
        return Path(self.out, self.res_path, "".join((self.name, *suffixes)))


# The only published dataset trains on the list of the augmented set. The last four are read by nothing, as in the published code.
SGAN_KEYS: Aliases = {
    "dataset_name": Renamed("data.dataset", lambda name: "vocaug" if name == "voc12_sgan" else name),
    "dataset_root": "data.root",
    "sal_subdir": "data.saliency",
    "cue_file": "data.tags",
    "batch_size": "engine.batch_size",
    "num_worker": "engine.workers",
    "resize": "image_side",
    # A row, so that it may be left blank as in the published file.
    "std": "std",
    "backbone": "backbone.name",
    "pretrain": "backbone.weights",
    "max_iter": "engine.max_steps",
    "display_step": "engine.log_every",
    "lr": "optimizer.lr",
    "power": "schedule.power",
    "weight_decay": "optimizer.weight_decay",
    "cam_thresh": "labels.cam_thresh",
    "ignore_conflict": "labels.ignore_conflict",
    "combine_seedseg": "cam.combine",
    **dict.fromkeys(("gt_path", "step_size", "new_size", "num_classes")),
}


def sgan_on_photographs(settings: SganSettings, amount: Amount) -> dict[str, Any]:
    """The length of the training; classifier, initial weights and seeds in the run's folder."""
    out = Path(settings.out)
    return {
        "engine.max_steps": amount.steps(settings.engine.batch_size),
        "stage0.classifier": str(out / "classifier"),
        "backbone.weights": str(out / "initial.pth"),
        "seed_subdir": str(out / "initial_seeds"),
    }
