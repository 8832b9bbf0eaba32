"""Settings of L2G + CDA, and the published spellings of some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.config_files import Aliases, Renamed
from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from common.method.settings import MethodSettings
from common.pseudo_labels.rule import LabelConfig
from l2g_cda.backbones import L2GBackbone
from l2g_cda.bank import BankConfig
from l2g_cda.losses import LossConfig
from l2g_cda.maps import L2GCam
from l2g_cda.pasting import CdaConfig
from l2g_cda.views import ViewConfig

FOLDER = Path(__file__).resolve().parent


@dataclass
class L2GOptimizer(OptimizerConfig):
    """How both networks learn.

    Args:
        head_lr_multiplier: rate of the head's four layers relative to the backbone (biases twice that).
        nesterov: of sgd.
        train_added: whether the attention and suppression modules learn. As published they do not: the optimiser is built
            from convolutions only, so that "learnable" suppression keeps its initial weights.
        argument_slip: as in the published COCO recipe, hand the weight decay to sgd as its momentum, without decay and
            without Nesterov.
    """

    lr: float = 0.001
    nesterov: bool = True
    train_added: bool = False
    argument_slip: bool = False

    def __post_init__(self) -> None:
        if self.argument_slip and self.name != "sgd":
            raise ConfigError(
                "optimizer.argument_slip is a slip in the arguments of sgd; leave it out with another optimiser"
            )
        if not self.decay_vectors:
            raise ConfigError("all parameters of L2G decay; leave optimizer.decay_vectors as it is")


@dataclass
class StageConfig:
    """One of the two trainings.

    Args:
        epochs: passes over the list; 0 leaves the training out.
        lr: learning rate of the backbone; 0 takes ``optimizer.lr``.
        decay_epochs: epochs, counted over both trainings, at whose start the rate is multiplied by ``schedule.gamma``.
    """

    epochs: int = 10
    lr: float = 0.0
    decay_epochs: list[int] = field(default_factory=lambda: [5])

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.lr < 0:
            raise ConfigError(
                f"a training of {self.epochs} epochs at rate {self.lr} makes no sense; correct epochs and lr"
            )


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
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: L2GOptimizer = field(default_factory=L2GOptimizer)
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("constant"))
    base_training: StageConfig = field(default_factory=StageConfig)
    pasting: StageConfig = field(default_factory=lambda: StageConfig(epochs=3, lr=0.0005))
    engine: EngineConfig = field(default_factory=published_engine)
    cam: L2GCam = field(default_factory=L2GCam)
    labels: L2GLabels = field(default_factory=L2GLabels)

    def __post_init__(self) -> None:
        if self.base_training.epochs < 1:
            raise ConfigError("base_training.epochs is 0; the first training cannot be left out")


def out_of_experiment(name: str) -> str:
    """The folder of the experiment: EXP of the paper's scripts, ``--experiment_name`` of its programs."""
    if name in ("", ".", "..") or set("/\\") & set(str(name)):
        raise ConfigError(f"experiment_name is {name!r}; it names a folder, without slashes")
    return str(FOLDER / "runs" / str(name))


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
    "patch_size": "views.patches",
    "patch_num": "views.patches",
    "kd_weights": "loss.distillation_weight",
    "bg_thr": "loss.background_threshold",
    "cda_tr": "cda.max_overlap",
    "restore_from": "cam.checkpoint",
}
