"""``main.py train``: from masks or pseudo labels to ``checkpoint_final.pth``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import nn

from common.config import config_to_dict
from common.engine.checkpoint import load_model_state
from common.engine.losses import Mean
from common.engine.optimizer import OptimizerConfig, build_optimizer
from common.engine.randomness import seed_everything
from common.engine.schedules import Schedule, ScheduleConfig, build_schedule
from common.engine.session import start_session
from common.engine.settings import EngineConfig
from common.engine.train import train
from common.errors import ConfigError
from common.files import write_torch
from common.models.backbones import describe_weights
from common.models.frozen import fold_frozen_batchnorm
from deeplabv2.data import TrainingCollate, training_data
from deeplabv2.dataset import open_dataset
from deeplabv2.losses import pyramid_losses
from deeplabv2.networks.build import build_network, network_groups
from deeplabv2.networks.registry import network_kind
from deeplabv2.settings import DeepLabConfig

# What decides the trained network; scores, CRF and test settings may change without retraining.
FREE_TO_CHANGE = {
    "EXP.METHOD",
    "EXP.SALIENCY_SOURCE",
    "DATASET.LABELS",
    "DATASET.SPLIT.VAL",
    "DATASET.SPLIT.TEST",
    "DATASET.SCORE_CLASSES",
    "DATALOADER.NUM_WORKERS",
    "IMAGE.SIZE.TEST",
    "SOLVER.ITER_SAVE",
    "SOLVER.ITER_TB",
    "SOLVER.BATCH_SIZE.TEST",
    "SOLVER.AVERAGE_LOSS",
    "RUN.STOP_AT",
    "RUN.DEVICE",
    "RUN.COMPILE",
    "RUN.KEEP_LAST",
    "RUN.TEST_LONG_SIDE",
    "RUN.TEST_SCALES",
    "RUN.TEST_FLIP",
    "RUN.SAVE_LOGITS",
}
TRAINING_SECTIONS = ("EXP", "DATASET", "DATALOADER", "IMAGE", "MODEL", "SOLVER", "RUN")


class SegmentationStep:
    """``(network, batch) -> losses``."""

    def __init__(self, config: DeepLabConfig) -> None:
        self.solver, self.ignore_label = config.SOLVER, config.DATASET.IGNORE_LABEL
        self.loss_size = config.MODEL.LOSS_SIZE

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> dict[str, Mean]:
        maps = network(batch["image"])
        return pyramid_losses(maps, batch["mask"], self.solver, self.ignore_label, self.loss_size, batch.get("tags"))


def training_settings(config: DeepLabConfig) -> dict[str, Any]:
    settings = config_to_dict(config)
    return {section: settings[section] for section in TRAINING_SECTIONS}


def train_network(config: DeepLabConfig) -> None:
    """Train, or continue where a stopped training was; writes the plain state dictionary at the end.

    Raises:
        ConfigError: the settings contradict each other or the dataset.
        DataError: the dataset is not there.
        CheckpointError: the initial weights are missing or do not fit.
    """
    require_trainable(config)
    layout = open_dataset(config)
    engine = config.engine
    with start_session(engine.device) as session:
        run = config.training_run
        settings = training_settings(config)
        session.on_main(lambda: run.begin(settings, force=config.force, free=FREE_TO_CHANGE))
        seed_everything(engine.seed)
        announce: Callable[[str], None] = print if session.is_main else lambda line: None
        network = build_network(config, announce)
        if config.RUN.FOLD_BATCHNORM:
            announce(f"Folded: {fold_frozen_batchnorm(network.train())} frozen BatchNorm layers")
        data = training_data(config, layout)
        announce(summary(config, len(data), session.device))
        train(
            network,
            SegmentationStep(config),
            data,
            optimizer(config, network),
            schedule(config),
            engine,
            run,
            session,
            settings,
            collate=TrainingCollate(config.DATASET.IGNORE_LABEL),
        )
        if session.is_main and engine.end_step == engine.max_steps:
            write_final_weights(config, engine)
        session.barrier()


def require_trainable(config: DeepLabConfig) -> None:
    if not network_kind(config.MODEL).trains:
        raise ConfigError(
            f"{config.MODEL.NAME} only holds initial weights; train DeepLabV2_ResNet101_MSC with them as MODEL.INIT_MODEL"
        )


def optimizer(config: DeepLabConfig, network: nn.Module) -> torch.optim.Optimizer:
    """SGD or AdamW over the groups of section 5."""
    solver = config.SOLVER
    name: Literal["sgd", "adamw"] = "sgd" if solver.OPTIMIZER.lower() == "sgd" else "adamw"
    choice = OptimizerConfig(name=name, lr=solver.LR, momentum=solver.MOMENTUM)
    return build_optimizer(choice, network_groups(network, config.MODEL, solver))


def schedule(config: DeepLabConfig) -> Schedule:
    """Poly decay, refreshed every LR_DECAY steps (section 5)."""
    solver = config.SOLVER
    return build_schedule(
        ScheduleConfig("poly", power=solver.POLY_POWER, every=solver.LR_DECAY, warmup_steps=solver.WARMUP),
        solver.ITER_MAX,
    )


def summary(config: DeepLabConfig, n_images: int, device: torch.device) -> str:
    """What a number will depend on: the questions that come when somebody cannot reproduce it."""
    dataset, model, solver = config.DATASET, config.MODEL, config.SOLVER
    weights = model.INIT_MODEL or describe_weights(model.BODY)
    scales = ", ".join(map(str, dataset.SCALES))
    return "\n".join(
        [
            f"Mode: train on {device}, {config.RUN.PRECISION}",
            f"Dataset: {dataset.NAME}, {n_images} images of {dataset.SPLIT.TRAIN}, masks of {dataset.LABEL_DIR or 'the dataset'}",
            f"Model: {model.PRESET or model.NAME}, {dataset.N_CLASSES} labels, initial weights {weights}",
            f"Loss: {solver.LOSS} at {model.LOSS_SIZE} size; image scales {scales}, crop {config.IMAGE.SIZE.TRAIN}, "
            f"batch {solver.BATCH_SIZE.TRAIN} x {solver.ITER_SIZE}, lr {solver.LR}, {solver.ITER_MAX} iterations",
            f"Checkpoint dst: {config.training_run.path}",
        ]
    )


def write_final_weights(config: DeepLabConfig, engine: EngineConfig) -> None:
    """``checkpoint_final.pth``: the network's tensors alone, the published form."""
    finished = config.training_run.finished_checkpoint(engine.max_steps)
    write_torch(config.final_checkpoint, load_model_state(finished))
    print(f"wrote {config.final_checkpoint}")
