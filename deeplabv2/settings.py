"""Settings with the published YAML keys (deeplabv2 spec, section 5.1), and what the toolbox adds to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.crf.presets import CrfSettings
from common.data.layout import DataConfig
from common.engine.run_folder import RunFolder
from common.engine.settings import EngineConfig
from common.models.backbones import BackboneConfig


@dataclass
class Experiment:
    """Where outputs go.

    Args:
        ID: name of the experiment in output paths.
        OUTPUT_DIR: folder of all outputs.
        METHOD: row of the results table, e.g. the method that made the pseudo labels.
        SALIENCY_SOURCE: what made the saliency maps behind the pseudo labels, or none.
    """

    ID: str = "voc12"
    OUTPUT_DIR: str = "data"
    METHOD: str = "fully supervised"
    SALIENCY_SOURCE: str = "none"


@dataclass
class Split:
    """Names of the lists to train on and to test on."""

    TRAIN: str = "train_aug"
    VAL: str = "val"


@dataclass
class Dataset:
    """Images, masks and lists.

    Args:
        NAME: voc12, vocaug, coco14, folder or toy.
        ROOT: the dataset's folder (or the folder that holds VOC2012).
        LABEL_DIR: folder of training masks <id>.png, e.g. pseudo labels; empty for the dataset's own.
        N_CLASSES: number of labels, background included.
        IGNORE_LABEL: label that takes no part.
        SCALES: factors of the training images.
        SPLIT: lists.
        SCORE_CLASSES: class names to score, empty for all; the others are ignored in the masks.
    """

    NAME: Literal["voc12", "vocaug", "coco14", "folder", "toy"] = "vocaug"
    ROOT: str = "data/datasets/voc12"
    LABEL_DIR: str = ""
    N_CLASSES: int = 21
    IGNORE_LABEL: int = 255
    SCALES: list[float] = field(default_factory=lambda: [0.5, 0.75, 1.0, 1.25, 1.5])
    SPLIT: Split = field(default_factory=Split)
    SCORE_CLASSES: list[str] = field(default_factory=list)


@dataclass
class Dataloader:
    """NUM_WORKERS: processes that load images."""

    NUM_WORKERS: int = 2


@dataclass
class ImageSize:
    """Sizes in pixels.

    Args:
        BASE: longer side to which training images are scaled first; null keeps their size.
        TRAIN: side of the training crop.
        TEST: longer side of test images; 0 keeps their size.
    """

    BASE: int | None = None
    TRAIN: int = 321
    TEST: int = 0


@dataclass
class ImageSettings:
    SIZE: ImageSize = field(default_factory=ImageSize)


@dataclass
class Model:
    """The network.

    Args:
        NAME: name used in output paths.
        BODY: feature extractor and its initial weights.
        ATROUS_RATES: dilations of the head's four convolutions.
        PYRAMID: scales of the multi-scale pyramid besides 1; empty for a single scale.
        INIT_MODEL: checkpoint of a whole network to start from; empty for none.
        LOSS_SIZE: map compares labels reduced to the logits' size (as published), image compares enlarged logits.
    """

    NAME: str = "DeepLabV2_MSC"
    BODY: BackboneConfig = field(
        default_factory=lambda: BackboneConfig(name="resnet101", output_stride=8, freeze_batchnorm=True)
    )
    ATROUS_RATES: list[int] = field(default_factory=lambda: [6, 12, 18, 24])
    PYRAMID: list[float] = field(default_factory=lambda: [0.5, 0.75])
    INIT_MODEL: str = ""
    LOSS_SIZE: Literal["map", "image"] = "map"


@dataclass
class BatchSize:
    """Images per pass; training passes are summed over all processes."""

    TRAIN: int = 5
    TEST: int = 1


@dataclass
class Solver:
    """Optimisation, as published: SGD with 1x body, 10x head weights, 20x head biases, poly schedule."""

    BATCH_SIZE: BatchSize = field(default_factory=BatchSize)
    ITER_MAX: int = 20000
    ITER_SIZE: int = 2
    ITER_SAVE: int = 5000
    ITER_TB: int = 100
    LR_DECAY: int = 10
    LR: float = 2.5e-4
    HEAD_LR_MULTIPLIER: float = 10.0
    MOMENTUM: float = 0.9
    OPTIMIZER: Literal["SGD", "AdamW"] = "SGD"
    POLY_POWER: float = 0.9
    WEIGHT_DECAY: float = 5e-4


@dataclass
class Crf:
    """Dense CRF constants (deeplabv2 spec, section 12)."""

    ITER_MAX: int = 10
    POS_W: float = 3
    POS_XY_STD: float = 1
    BI_W: float = 4
    BI_XY_STD: float = 67
    BI_RGB_STD: float = 3

    def settings(self) -> CrfSettings:
        return CrfSettings(self.POS_XY_STD, self.POS_W, self.BI_XY_STD, self.BI_RGB_STD, self.BI_W, self.ITER_MAX)


@dataclass
class Run:
    """How the program runs; see the common engine's settings."""

    SEED: int = 0
    DEVICE: str = "auto"
    PRECISION: Literal["fp32", "bf16", "fp16"] = "fp32"
    CHANNELS_LAST: bool = False
    COMPILE: bool = False
    CLIP_GRAD_NORM: float = 0.0
    STOP_AT: int = 0
    KEEP_LAST: int = 2
    TEST_FLIP: bool = False


@dataclass
class DeepLabConfig:
    """Train, test and CRF of DeepLab-v2.

    Args:
        model_path: checkpoint to test (-m); default: the one the training of this config wrote.
        force: redo what is there.
    """

    model_path: str = ""
    force: bool = False
    EXP: Experiment = field(default_factory=Experiment)
    DATASET: Dataset = field(default_factory=Dataset)
    DATALOADER: Dataloader = field(default_factory=Dataloader)
    IMAGE: ImageSettings = field(default_factory=ImageSettings)
    MODEL: Model = field(default_factory=Model)
    SOLVER: Solver = field(default_factory=Solver)
    CRF: Crf = field(default_factory=Crf)
    RUN: Run = field(default_factory=Run)

    @property
    def data(self) -> DataConfig:
        """The dataset as the common readers take it; ROOT may be the folder above VOC2012, as published."""
        inner = Path(self.DATASET.ROOT) / "VOC2012"
        root = str(inner) if inner.is_dir() else self.DATASET.ROOT
        return DataConfig(
            dataset=self.DATASET.NAME, root=root, train_list=self.DATASET.SPLIT.TRAIN, val_list=self.DATASET.SPLIT.VAL
        )

    @property
    def engine(self) -> EngineConfig:
        return EngineConfig(
            max_steps=self.SOLVER.ITER_MAX,
            stop_at=self.RUN.STOP_AT,
            batch_size=self.SOLVER.BATCH_SIZE.TRAIN,
            accumulate=self.SOLVER.ITER_SIZE,
            seed=self.RUN.SEED,
            device=self.RUN.DEVICE,
            precision=self.RUN.PRECISION,
            channels_last=self.RUN.CHANNELS_LAST,
            compile=self.RUN.COMPILE,
            clip_grad_norm=self.RUN.CLIP_GRAD_NORM,
            workers=self.DATALOADER.NUM_WORKERS,
            log_every=self.SOLVER.ITER_TB,
            save_every=self.SOLVER.ITER_SAVE,
            keep_last=self.RUN.KEEP_LAST,
        )

    def output(self, kind: str, split: str) -> Path:
        """``OUT/<kind>/ID/NAME/<split>``, the published layout."""
        return Path(self.EXP.OUTPUT_DIR) / kind / self.EXP.ID / self.MODEL.NAME.lower() / split

    @property
    def training_run(self) -> RunFolder:
        return RunFolder(self.output("models", self.DATASET.SPLIT.TRAIN))

    @property
    def final_checkpoint(self) -> Path:
        return self.training_run.path / "checkpoint_final.pth"

    @property
    def scores(self) -> Path:
        return self.output("scores", self.DATASET.SPLIT.VAL)

    @property
    def features(self) -> Path:
        return self.output("features", self.DATASET.SPLIT.VAL)
