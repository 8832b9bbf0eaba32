"""Settings of L2G + CDA, the published spellings of some of them, and those in which the rows of the ablation differ."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.bounds import bounded
from common.commands import Command, Flag, run_alone
from common.config_files import Aliases, Renamed
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EpochConfig
from common.errors import require
from common.method.amount import Amount
from common.method.command import taken
from common.method.method import Variant
from common.method.other_run import arguments_of_classifier
from common.method.settings import ChainConfig, MethodSettings
from common.pseudo_labels.rule import LabelConfig
from l2g_cda.backbones import L2GBackbone
from l2g_cda.bank import BankConfig
from l2g_cda.losses import L2GLoss
from l2g_cda.maps import L2GCam
from l2g_cda.optimizer import L2GOptimizer
from l2g_cda.pasting import CdaConfig
from l2g_cda.views import ViewConfig

Argv = Sequence[str] | None
TOOLBOX = Path(__file__).resolve().parents[1]
L2G_CONFIGS, RUNS = TOOLBOX / "l2g_cda" / "configs", TOOLBOX / "l2g_cda" / "runs"
# The label maps of plain CAM with saliency, in its run.
BANK_LABELS = ("labels", "cam_x_saliency")
L2G_VARIABLES = {"EXP": "--experiment_name"}


@dataclass
class PartConfig(EpochConfig):
    """One of the two trainings; 0 epochs leave it out, decay epochs are counted over both.

    Args:
        rate: learning rate of the backbone; 0 takes ``optimizer.lr``.
    """

    rate: float = bounded(0.0, least=0, most=1000)


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


@dataclass
class L2GChainConfig(ChainConfig):
    """What reproduce makes.

    Args:
        bank_classifier: configuration of plain CAM, with which the label maps ``bank.label_maps`` are made first, called
            ``RUN/labels/cam_x_saliency``; empty where another command makes them.
    """

    bank_classifier: str = ""


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
        pasting: the second training, with pasting, from the end of the first; ``engine.max_steps`` bounds each of them.
        cam: attention maps.
        labels: pseudo labels.
        chain: what reproduce makes.
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
    cam: L2GCam = field(default_factory=L2GCam)
    labels: L2GLabels = field(default_factory=L2GLabels)
    chain: L2GChainConfig = field(default_factory=L2GChainConfig)

    def __post_init__(self) -> None:
        require(self.base_training.epochs > 0, "base_training.epochs is 0; the first training cannot be left out")
        maps = Path(self.bank.label_maps)
        require(
            not self.chain.bank_classifier or maps.parts[-2:] == BANK_LABELS,
            f"bank.label_maps is {str(maps)!r}; what chain.bank_classifier makes lies in RUN/{'/'.join(BANK_LABELS)}",
        )


def checked_name(name: str) -> str:
    """EXP of the paper's scripts, ``--experiment_name`` of its programs."""
    is_folder = name not in ("", ".", "..") and not set("/\\") & set(name)
    require(is_folder, f"experiment_name is {name!r}; it names a folder, without slashes")
    return name


def bank_label_arguments(settings: L2GSettings) -> list[str]:
    """Configuration and flags of plain CAM's run whose label maps the bank is cut from, where no other command makes it."""
    run = Path(settings.bank.label_maps).parents[len(BANK_LABELS) - 1]
    arguments = arguments_of_classifier(settings, settings.chain.bank_classifier, run)
    rule = ["--labels.background", "saliency", "--labels.crf", "none"]
    return [*arguments, *rule, "--report.saliency_source", settings.report.saliency_source] if arguments else []


def l2g_on_photographs(settings: L2GSettings, amount: Amount) -> dict[str, Any]:
    """Half of the passes, then a sixth with pasting; the bank and what it is cut from in the run's folder."""
    out, batch = Path(settings.out), settings.engine.batch_size
    first, second = amount.epochs(batch, 1 / 2), amount.epochs(batch, 1 / 6)
    return {
        "base_training.epochs": first,
        "base_training.decay_epochs": [max(1, 2 * first // 3)],
        "pasting.epochs": second if settings.pasting.epochs else 0,
        "bank.label_maps": str(Path(out, "classifier", *BANK_LABELS)),
        "cda.bank": str(out / "bank"),
    }


# The names of datasets in the published scripts.
PUBLISHED_NAMES: Mapping[str, str] = {"pascal_voc": "vocaug", "voc2012": "vocaug", "mscoco": "coco14", "coco": "coco14"}

L2G_ALIASES: Aliases = {
    "experiment_name": Renamed("out", lambda name: str(RUNS / checked_name(str(name or "")))),
    "dataset": Renamed("data.dataset", lambda name: PUBLISHED_NAMES.get(name, name)),
    "threshold": Renamed("thr", lambda threshold: [threshold]),
    "domain": "split", "datalist": "data.train_list", "tags": "data.tags", "img_dir": "data.images",
    "gt_dir": "data.masks", "sal_dir": "data.saliency", "num_workers": "engine.workers", "iter_size": "engine.accumulate",
    "input_size": "views.input_size", "crop_size": "views.patch_side", "patch_size": "views.patches",
    "patch_num": "views.patches", "kd_weights": "loss.distillation_weight", "bg_thr": "loss.background_threshold",
    "cda_tr": "cda.max_overlap", "restore_from": "checkpoint",
}  # fmt: skip


def with_runs(argv: Argv) -> list[str]:
    """The arguments with ``--runs R --experiment_name E`` as ``--out R/E``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if runs := taken(arguments, "--runs"):
        names = taken(arguments, "--experiment_name") or [os.environ.get("EXP", "")]
        arguments.insert(0, f"--out={Path(*runs).absolute() / checked_name(*names)}")
    return arguments


def run_program(
    text: str, kind: type[Any], run: Callable[[Any], int], config: str, flags: Sequence[Flag] = (), argv: Argv = None
) -> int:
    """A program of this folder with one of the folder's configurations, and flags besides those of all commands."""
    command = Command(
        text, kind, run, tuple(flags), L2G_ALIASES, lambda _: L2G_CONFIGS / config, L2G_VARIABLES, TOOLBOX
    )
    return run_alone(Path(sys.argv[0]).name, command, with_runs(argv))


SE, FULL = "L2G + suppression + SE", "L2G + suppression + SE + CDA"
ALONE: Mapping[str, Any] = {"pasting.epochs": 0}
LEARNING: Mapping[str, Any] = {"optimizer.train_added": True}
PROBABILITIES: Mapping[str, Any] = {"cam.values": "probabilities"}


def pasting_row(row: str, tags: str, channels: str, network_of: str = "se", **values: Any) -> Variant:
    """A row that differs in the second training: it shares the first one with another row."""
    return Variant(row, {"cda.twin_tags": tags, "cda.channels": channels, **values}, network_of, ("base",))


L2G_ROWS = {
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
        **{**LEARNING, **PROBABILITIES},
    ),
}
