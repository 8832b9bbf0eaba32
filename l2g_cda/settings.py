"""Settings of L2G + CDA, the published spellings of some of them, and those in which the rows of the ablation differ."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.commands import Flag
from common.config_files import Aliases, Renamed
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from common.files import resolve_inside
from common.method.method import Variant
from common.method.settings import MethodSettings
from common.pseudo_labels.rule import LabelConfig
from l2g_cda.backbones import L2GBackbone
from l2g_cda.bank import BankConfig
from l2g_cda.losses import L2GLoss
from l2g_cda.maps import L2GCam
from l2g_cda.optimizer import L2GOptimizer
from l2g_cda.pasting import CdaConfig
from l2g_cda.views import ViewConfig

RUNS = Path(__file__).resolve().parent / "runs"


@dataclass
class PartConfig:
    """One of the two trainings.

    Args:
        epochs: passes over the list; 0 leaves the training out.
        rate: learning rate of the backbone; 0 takes ``optimizer.lr``.
        decay_epochs: epochs, counted over both trainings, at whose start the rate is multiplied by ``schedule.gamma``.
    """

    epochs: int = 10
    rate: float = 0.0
    decay_epochs: list[int] = field(default_factory=lambda: [5])

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.rate < 0:
            raise ConfigError(f"a training of {self.epochs} epochs at rate {self.rate} makes no sense; correct both")


@dataclass
class L2GLabels(LabelConfig):
    """How attention maps become pseudo labels.

    Args:
        threshold: constant background score (thesis 0.35, L2G 0.25).
        folder: where the label maps go; empty for ``labels`` in the run's folder. ``{root}`` stands for the dataset's folder
            and ``{name}`` for the last part of ``out``.
    """

    threshold: float = 0.35
    folder: str = ""


def published_engine() -> EngineConfig:
    """The published VOC recipe; the epochs of a training end it, ``max_steps`` is only an upper bound."""
    return EngineConfig(max_steps=1_000_000, batch_size=3, shuffle=False, workers=8, log_every=100, save_every=1000)


@dataclass
class L2GSettings(MethodSettings):
    """Train L2G in two stages, compute attention maps, make and score pseudo labels.

    Args:
        backbone: feature extractor of both networks.
        views: what the networks see of an image.
        bank: what the bank of objects is made from.
        cda: how objects are pasted in the second training.
        loss: targets and losses.
        schedule: learning rates besides the decay epochs of each training (VOC constant, COCO poly).
        base_training: the first training, without pasting.
        pasting: the second training, with pasting, from the end of the first.
        engine: how the trainings run; ``max_steps`` bounds each of them.
        cam: attention maps.
        labels: pseudo labels.
    """

    backbone: L2GBackbone = field(default_factory=L2GBackbone)
    views: ViewConfig = field(default_factory=ViewConfig)
    bank: BankConfig = field(default_factory=BankConfig)
    cda: CdaConfig = field(default_factory=CdaConfig)
    loss: L2GLoss = field(default_factory=L2GLoss)
    optimizer: L2GOptimizer = field(default_factory=L2GOptimizer)
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("constant"))
    base_training: PartConfig = field(default_factory=PartConfig)
    pasting: PartConfig = field(default_factory=lambda: PartConfig(epochs=3, rate=0.0005))
    engine: EngineConfig = field(default_factory=published_engine)
    cam: L2GCam = field(default_factory=L2GCam)
    labels: L2GLabels = field(default_factory=L2GLabels)

    def __post_init__(self) -> None:
        if self.base_training.epochs < 1:
            raise ConfigError("base_training.epochs is 0; the first training cannot be left out")


def out_of_experiment(name: str) -> str:
    """The folder of the experiment: EXP of the paper's scripts, ``--experiment_name`` of its programs."""
    if name in ("", ".", "..") or set("/\\") & set(name):
        raise ConfigError(f"experiment_name is {name!r}; it names a folder, without slashes")
    return str(RUNS / name)


# The names of datasets in the published scripts.
DATASETS: Mapping[str, str] = {"pascal_voc": "vocaug", "voc2012": "vocaug", "mscoco": "coco14", "coco": "coco14"}

ALIASES: Aliases = {
    "experiment_name": Renamed("out", out_of_experiment),
    "domain": "split",
    "dataset": Renamed("data.dataset", lambda name: DATASETS.get(name, name)),
    "img_dir": "data.images",
    "gt_dir": "data.masks",
    "sal_dir": "data.saliency",
    "tags": "data.tags",
    "datalist": "data.train_list",
    "num_workers": "engine.workers",
    "iter_size": "engine.accumulate",
    "input_size": "views.input_size",
    "crop_size": "views.patch_side",
    "patch_size": "views.patches",
    "patch_num": "views.patches",
    "kd_weights": "loss.distillation_weight",
    "bg_thr": "loss.background_threshold",
    "cda_tr": "cda.max_overlap",
    "restore_from": "cam.network",
}

# The flags of the programs that are one stage, besides those of all commands.
PROGRAM_FLAGS: Mapping[str, tuple[Flag, ...]] = {
    "bank": (
        Flag(
            ("--labels",), "--bank.label_maps", "FOLDER", "label maps <id>.png to cut objects from, e.g. pseudo labels"
        ),
        Flag(("--cams",), "--bank.cam_files", "FOLDER", "CAM files: labels without --labels, and --saliency cams"),
        Flag(("--threshold",), "--bank.cam_threshold", "T", "background score that makes labels of CAMs"),
        Flag(("--saliency",), "--bank.object_saliency", "KIND", "what it is cut from: maps, labels or cams"),
        Flag(("--least_share",), "--bank.least_share", "S", "least part of the image an object covers"),
        Flag(("--largest_share",), "--bank.largest_share", "S", "largest part of the image an object covers"),
        Flag(("--least_salient",), "--bank.least_salient", "S", "part of the object that must be salient"),
        Flag(("--output",), "--cda.bank", "FOLDER", "folder of the bank (default sem_seg_fg of this folder)"),
    ),
    "label": (
        Flag(("--thr",), "--labels.threshold", "T", "background score (thesis 0.35, L2G 0.25)"),
        Flag(("--save_path",), "--labels.folder", "FOLDER", "where the label maps go"),
    ),
}


def with_runs(argv: Sequence[str] | None) -> list[str]:
    """The arguments with ``--runs R --experiment_name E`` as ``--out R/E``."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runs")
    given, rest = parser.parse_known_args(argv)
    if given.runs is None:
        return rest
    parser.add_argument("--experiment_name", default=os.environ.get("EXP", ""))
    given, rest = parser.parse_known_args(argv)
    return [f"--out={resolve_inside(Path(given.runs).absolute(), given.experiment_name)}", *rest]


SE, FULL = "L2G + suppression + SE", "L2G + suppression + SE + CDA"
ALONE: Mapping[str, Any] = {"pasting.epochs": 0}
LEARNING: Mapping[str, Any] = {"optimizer.train_added": True}
PROBABILITIES: Mapping[str, Any] = {"cam.values": "probabilities"}


def pasting_row(row: str, tags: str, channels: str, network_of: str = "se", **values: Any) -> Variant:
    """A row that differs in the second training: it shares the first one with another row."""
    return Variant(row, {"cda.twin_tags": tags, "cda.channels": channels, **values}, network_of, ("base",))


ABLATION = {
    "l2g": Variant("L2G", {**ALONE, "backbone.attention": "none", "backbone.suppression": "none"}),
    "suppression": Variant("L2G + suppression", {**ALONE, "backbone.attention": "none"}),
    "se": Variant(SE, ALONE),
    "cda": pasting_row(FULL, "published", "published"),
    "repaired_labels": pasting_row(f"{FULL}, tags repaired", "repaired", "published"),
    "repaired_channels": pasting_row(f"{FULL}, colours repaired", "published", "repaired"),
    "repaired_pasting": pasting_row(f"{FULL}, both repaired", "repaired", "repaired"),
    "repaired_learning": Variant(f"{SE} that learn", {**ALONE, **LEARNING}),
    "probabilities": Variant(f"{SE}, maps of probabilities", {**ALONE, **PROBABILITIES}, "se"),
    "repaired_all": pasting_row(
        *(f"{FULL}, all repaired, maps of probabilities", "repaired", "repaired", "repaired_learning"),
        **LEARNING,
        **PROBABILITIES,
    ),
}
