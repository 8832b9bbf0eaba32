"""Stage 1: train the network on tags, saliency and seeds."""

from __future__ import annotations

from typing import Any

import torch

from common.config import config_to_dict
from common.data.layout import open_layout
from common.engine.checkpoint import load_model_state
from common.engine.optimizer import OptimizerConfig, build_optimizer
from common.engine.randomness import seed_everything
from common.engine.schedules import Schedule, ScheduleConfig, build_schedule
from common.engine.session import Session, start_session
from common.engine.train import train
from common.files import write_torch
from sgan.data.folders import open_dataset
from sgan.data.masked_ids import masked_ids
from sgan.data.training import training_data
from sgan.losses.training import SganStep
from sgan.models.build import build_network, describe_initial_weights
from sgan.models.groups import network_groups
from sgan.models.network import SGAN
from sgan.settings import SganConfig

# What decides the trained network; the others may change without retraining.
TRAINING_KEYS = (
    "dataset_name",
    "dataset_root",
    "train_list",
    "sal_subdir",
    "sal_thresh",
    "seed_subdir",
    "cue_file",
    "batch_size",
    "resize",
    "use_sal",
    "mean",
    "std",
    "backbone",
    "pretrain",
    "max_iter",
    "lr",
    "power",
    "weight_decay",
    "seed_loss_ratio",
    "body",
    "solver",
    "run",
    "semi",
)
# Of those, what only sets the pace.
FREE_TO_CHANGE = {
    *(f"run.{name}" for name in ("stop_at", "device", "compile", "save_every", "keep_last")),
    "semi.masks_as_labels",
}


def training_settings(config: SganConfig) -> dict[str, Any]:
    settings = config_to_dict(config)
    return {key: settings[key] for key in TRAINING_KEYS}


def optimizer(config: SganConfig, network: SGAN) -> torch.optim.Optimizer:
    solver = config.solver
    groups = network_groups(network, config.lr, config.weight_decay, solver.head_lr_multiplier, solver.decay_vectors)
    return build_optimizer(OptimizerConfig(name=solver.optimizer, lr=config.lr, momentum=solver.momentum), groups)


def schedule(config: SganConfig) -> Schedule:
    return build_schedule(
        ScheduleConfig("poly", power=config.power, warmup_steps=config.solver.warmup_steps), config.max_iter
    )


def train_network(config: SganConfig) -> None:
    """Train, or continue where a stopped training was; writes ``model_iter_<max_iter>.pth`` at the end.

    Raises:
        ConfigError: the settings contradict each other, or the run that is there.
        DataError: the dataset, its saliency maps or its seeds are not there.
        CheckpointError: the initial weights are missing or do not fit.
    """
    layout = open_dataset(config, config.sal_subdir) if config.use_sal else open_layout(config.data)
    engine = config.engine
    with start_session(engine.device) as session:
        data = training_data(config, layout)
        settings = training_settings(config)
        session.on_main(lambda: config.training_run.begin(settings, force=config.force, free=FREE_TO_CHANGE))
        seed_everything(engine.seed)
        network = build_network(config, layout.n_classes)
        if session.is_main:
            ids, masked = layout.ids("train"), masked_ids(config.semi, layout)
            print(
                f"Train on {session.device}: {len(ids)} images of {config.dataset_name}, {len(masked)} with true masks, "
                f"initial weights {describe_initial_weights(config)}, {engine.max_steps} steps of {engine.batch_size}"
            )
        train(
            network,
            SganStep(config.seed_loss_ratio),
            data,
            optimizer(config, network),
            schedule(config),
            engine,
            config.training_run,
            session,
            settings,
        )
        if engine.end_step == engine.max_steps:
            write_final_weights(config, session)


def write_final_weights(config: SganConfig, session: Session) -> None:
    """``model_iter_<max_iter>.pth``: the network's tensors alone, the published form."""

    def write() -> None:
        finished = config.training_run.finished_checkpoint(config.max_iter)
        write_torch(config.final_weights, load_model_state(finished))
        print(f"wrote {config.final_weights}")

    session.on_main(write)
