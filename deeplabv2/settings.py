"""All settings of the segmentation trainer, and what follows from them: dataset, engine, output paths."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from common.data.layout import DataConfig
from common.data.presets import DatasetName
from common.engine.run_folder import RunFolder
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from deeplabv2.sections_data import Dataloader, Dataset, Experiment, ImageSettings
from deeplabv2.sections_training import Crf, Model, Run, Solver

# Published names of datasets that the toolbox calls otherwise.
DATASET_NAMES: dict[str, DatasetName] = {"voc": "voc12", "voc_test": "voc12", "coco": "coco14"}
UNSUPPORTED_DATASETS = ("cocostuff10k", "cocostuff164k")


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
        """The dataset as the common readers take it; ROOT may be the folder above VOC2012, as published.

        Raises:
            ConfigError: the dataset's own format cannot be read.
        """
        name = self.DATASET.NAME
        if name in UNSUPPORTED_DATASETS:
            raise ConfigError(
                f"DATASET.NAME {name}: COCO-Stuff's own files are not read here; bring it into VOC layout and use "
                "NAME folder with a classes.txt"
            )
        inner = Path(self.DATASET.ROOT) / "VOC2012"
        root = str(inner) if inner.is_dir() else self.DATASET.ROOT
        splits = self.DATASET.SPLIT
        return DataConfig(
            dataset=DATASET_NAMES.get(name, name), root=root, train_list=splits.TRAIN, val_list=splits.VAL
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
        """``OUT/<kind>/ID/NAME/<split>``, the published layout; of a list file the name without ``.txt``."""
        name = Path(split).name.removesuffix(".txt")
        return Path(self.EXP.OUTPUT_DIR) / kind / self.EXP.ID / self.MODEL.NAME.lower() / name

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
