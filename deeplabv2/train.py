"""``main.py train``: from masks or pseudo labels to ``checkpoint_final.pth``."""

from __future__ import annotations

from typing import Any

from torch import nn

from common.config import config_to_dict
from common.data.layout import open_layout
from common.engine.checkpoint import load_model_state
from common.engine.losses import Mean
from common.engine.optimizer import OptimizerConfig, body_and_head_rules, build_optimizer, parameter_groups
from common.engine.randomness import seed_everything
from common.engine.schedules import ScheduleConfig, build_schedule
from common.engine.session import start_session
from common.engine.settings import EngineConfig
from common.engine.train import train
from common.errors import ConfigError
from common.files import write_torch
from deeplabv2.data import training_data
from deeplabv2.losses import pyramid_losses
from deeplabv2.networks.build import build_network
from deeplabv2.settings import DeepLabConfig

# What decides the trained network; scores, CRF and test settings may change without retraining.
FREE_TO_CHANGE = {
    "RUN.STOP_AT",
    "RUN.DEVICE",
    "RUN.COMPILE",
    "RUN.KEEP_LAST",
    "RUN.TEST_FLIP",
    "DATALOADER.NUM_WORKERS",
    "SOLVER.ITER_SAVE",
}
FREE_TO_CHANGE |= {
    "SOLVER.ITER_TB",
    "SOLVER.BATCH_SIZE.TEST",
    "IMAGE.SIZE.TEST",
    "DATASET.SPLIT.VAL",
    "DATASET.SCORE_CLASSES",
}
FREE_TO_CHANGE |= {"EXP.METHOD", "EXP.SALIENCY_SOURCE"}
TRAINING_SECTIONS = ("EXP", "DATASET", "DATALOADER", "IMAGE", "MODEL", "SOLVER", "RUN")


class SegmentationStep:
    """``(network, batch) -> losses``."""

    def __init__(self, ignore_label: int, loss_size: str) -> None:
        self.ignore_label, self.loss_size = ignore_label, loss_size

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> dict[str, Mean]:
        return pyramid_losses(network(batch["image"]), batch["mask"], self.ignore_label, self.loss_size)


def training_settings(config: DeepLabConfig) -> dict[str, Any]:
    settings = config_to_dict(config)
    return {section: settings[section] for section in TRAINING_SECTIONS}


def train_network(config: DeepLabConfig) -> None:
    """Train, or continue where a stopped training was; writes the plain state dictionary at the end."""
    layout = open_layout(config.data)
    if config.DATASET.N_CLASSES != layout.n_classes + 1:
        raise ConfigError(
            f"DATASET.N_CLASSES is {config.DATASET.N_CLASSES} but {layout.name} has {layout.n_classes} classes and background: set {layout.n_classes + 1}"
        )
    engine = config.engine
    with start_session(engine.device) as session:
        run = config.training_run
        settings = training_settings(config)
        if session.is_main:
            run.begin(settings, force=config.force, free=FREE_TO_CHANGE)
        session.barrier()
        seed_everything(engine.seed)
        network = build_network(config)
        solver = config.SOLVER
        rules = body_and_head_rules("aspp", solver.HEAD_LR_MULTIPLIER)
        groups = parameter_groups(network, rules, solver.LR, solver.WEIGHT_DECAY, solver.DECAY_VECTORS)
        optimizer = OptimizerConfig(
            name="sgd" if solver.OPTIMIZER == "SGD" else "adamw", lr=solver.LR, momentum=solver.MOMENTUM
        )
        schedule = ScheduleConfig(
            "poly", power=solver.POLY_POWER, every=solver.LR_DECAY, warmup_steps=solver.WARMUP
        )
        train(
            network,
            SegmentationStep(config.DATASET.IGNORE_LABEL, config.MODEL.LOSS_SIZE),
            training_data(config, layout),
            build_optimizer(optimizer, groups),
            build_schedule(schedule, solver.ITER_MAX),
            engine,
            run,
            session,
            settings,
        )
        if session.is_main and engine.end_step == engine.max_steps:
            write_final_weights(config, engine)
        session.barrier()


def write_final_weights(config: DeepLabConfig, engine: EngineConfig) -> None:
    """``checkpoint_final.pth``: the network's tensors alone, the published form."""
    finished = config.training_run.finished_checkpoint(engine.max_steps)
    write_torch(config.final_checkpoint, load_model_state(finished))
    print(f"wrote {config.final_checkpoint}")
