"""Settings of I2CRC, the published spellings of some of them, and those in which the rows of the ablation differ."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.commands import Flag
from common.config_files import Aliases, Renamed
from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EpochConfig
from common.errors import ConfigError, require
from common.method.amount import Amount
from common.method.method import Variant
from common.method.settings import ChainConfig, MethodSettings
from common.models.backbones import BackboneConfig
from i2crc.attention import AttentionConfig
from i2crc.labels import InitialLabelConfig
from i2crc.losses import RelationConfig
from i2crc.samples import SquaredConfig

# Where the paper's programs are started, and where relative paths of its configurations begin.
CLASSIFICATION = Path(__file__).parent / "classification"
I2CRC_CONFIGS = CLASSIFICATION / "configs"


@dataclass
class PlacesConfig:
    """Where the paper's own files go, besides the toolbox's.

    Args:
        attention_pngs: folder of the attention maps as PNGs (``<id>_<class number>.png``); empty for ``attention`` in the run's folder.
        pseudo_labels: folder of the initial label maps; empty for ``pseudo_labels`` in the run's folder.
    """

    attention_pngs: str = ""
    pseudo_labels: str = ""


@dataclass
class I2crcSettings(MethodSettings):
    """Train the classifier under saliency, compute attention maps, make labels; segment, refine the labels, segment again.

    Args:
        square: what the classifier sees of an image.
        relation: the distances within and between classes.
        training: length of the training; ``engine.max_steps`` bounds it.
        schedule: learning rates besides the decay epochs.
        cam: attention maps.
        labels: initial pseudo labels.
        places: the paper's own files.
        chain: what runs around; the second round belongs to the paper.
    """

    out: str = "runs/exp1"
    backbone: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="vgg16", output_stride=8))
    square: SquaredConfig = field(default_factory=SquaredConfig)
    relation: RelationConfig = field(default_factory=RelationConfig)
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=0.001, nesterov=True))
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig("constant"))
    training: EpochConfig = field(default_factory=lambda: EpochConfig(30, [5, 10]))
    cam: AttentionConfig = field(default_factory=AttentionConfig)
    labels: InitialLabelConfig = field(default_factory=InitialLabelConfig)
    places: PlacesConfig = field(default_factory=PlacesConfig)
    chain: ChainConfig = field(default_factory=lambda: ChainConfig(refine=True))

    def __post_init__(self) -> None:
        require(self.training.epochs > 0, "training.epochs is 0; give at least one")
        named = self.data.train_list
        if named.endswith("_cls.txt") and Path(named).is_file() and self.data.tags in ("", "pixels"):
            # The published list has the tags too, those of this school.
            self.data = dataclasses.replace(self.data, tags=named)


def decay_points(text: str | int) -> list[int]:
    """``5,10`` of the published script.

    Raises:
        ConfigError: it is not a list of epochs.
    """
    words = str(text).split(",")
    if not all(word.strip().isdecimal() for word in words):
        raise ConfigError(f"decay_points is {text!r}; give epochs, as in 5,10")
    return [int(word) for word in words]


def run_of(folder: str) -> str:
    """``runs/exp1`` for the published ``./runs/exp1/model/`` or ``./runs/exp1/attention/``: the toolbox names what lies below."""
    named = Path(folder)
    return str(named.parent if named.name in ("model", "attention", "accu_att") else named)


# The last ones are accepted and change nothing, as in the published programs.
I2CRC_KEYS: Aliases = {
    "img_dir": "data.images", "train_list": "data.train_list", "epoch": "training.epochs",
    "lr": "optimizer.lr", "weight_decay": "optimizer.weight_decay", "batch_size": "engine.batch_size",
    "num_workers": "engine.workers", "disp_interval": "engine.log_every", "input_size": "square.side",
    "decay_points": Renamed("training.decay_epochs", decay_points),
    "dataset": Renamed("data.dataset", lambda name: {"pascal_voc": "vocaug", "coco": "coco14"}.get(name, name)),
    "snapshot_dir": Renamed("out", run_of), "save_dir": Renamed("out", run_of), "restore_from": "checkpoint",
    **dict.fromkeys(("root_dir", "crop_size", "threshold", "resume", "arch", "att_dir", "num_classes")),
    **dict.fromkeys(("global_counter", "current_epoch")),
}  # fmt: skip
I2CRC_FLAGS = (
    Flag(("--img_dir",), "--data.images", "FOLDER", "the images"),
    Flag(("--train_list",), "--data.train_list", "LIST", "the list of training images"),
    Flag(
        ("--checkpoint", "--restore_from"), "--checkpoint", "FILE", "a trained classifier to make attention maps with"
    ),
    Flag(("--backbone.weights",), "--backbone.weights", "WEIGHTS", "ImageNet weights of the backbone"),
    # A path like the others; the alias says which setting.
    Flag(
        ("--snapshot_dir", "--save_dir"),
        "--snapshot_dir",
        "FOLDER",
        "the run, as runs/exp1/model or runs/exp1/attention",
    ),
    Flag(("--attention",), "--places.attention_pngs", "FOLDER", "where the attention PNGs go"),
    Flag(("--pseudo_labels",), "--places.pseudo_labels", "FOLDER", "where the initial label maps go"),
)

NO_TERM: dict[str, Any] = {
    "relation.object_weight": 0.0,
    "relation.background_weight": 0.0,
    "relation.class_weight": 0.0,
}
AGNOSTIC: dict[str, Any] = {**NO_TERM, "relation.object_weight": 0.01, "relation.background_weight": 0.025}
ALL_IMAGES: dict[str, Any] = {"relation.images_with": "all"}

I2CRC_ROWS = {
    "baseline": Variant("I2CRC, classification alone", NO_TERM),
    "object": Variant("I2CRC, distance within objects", {**NO_TERM, "relation.object_weight": 0.01}),
    "agnostic": Variant("I2CRC, distances within objects and background", AGNOSTIC),
    "specific": Variant("I2CRC, distance between them", {**NO_TERM, "relation.class_weight": 0.1}),
    "full": Variant("I2CRC"),
    "all_images": Variant("I2CRC, images of several tags too", ALL_IMAGES),
    "per_tag": Variant("I2CRC, images of several tags too, per tag", {**ALL_IMAGES, "relation.divide_by": "tags"}),
    "backgrounds": Variant("I2CRC, backgrounds of images of several tags too", {"relation.images_with": "background"}),
    "margin": Variant("I2CRC, margin 5", {"relation.margin": 5.0}),
    "enlarged_first": Variant("I2CRC, maps enlarged before 8 bits", {"cam.eight_bits": False}, "full"),
}


def i2crc_on_photographs(settings: I2crcSettings, amount: Amount) -> dict[str, Any]:
    """The length of the training."""
    epochs = amount.epochs(settings.engine.batch_size)
    return {"training.epochs": epochs, "training.decay_epochs": [max(1, 3 * epochs // 4)]}
