"""``train``: from a folder of seeds to a segmentation network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.config import config_to_dict
from common.data.layout import open_layout
from common.engine.checkpoint import load_model_state
from common.engine.optimizer import GroupRule, build_optimizer, parameter_groups
from common.engine.randomness import seed_everything
from common.engine.schedules import build_schedule
from common.engine.session import start_session
from common.engine.train import train
from common.errors import ConfigError
from common.files import write_torch
from sgan.segmentation.build import build_network
from sgan.segmentation.config import SegmentationConfig
from sgan.segmentation.data import training_data, training_transform
from sgan.segmentation.steps import SegmentationStep

# What decides the trained network; prediction settings and the row's name may change without retraining.
TRAINING_SECTIONS = (
    *("data", "split", "label_dir", "network", "augmentation"),
    *("losses", "engine", "optimizer", "schedule"),
)


def training_settings(config: SegmentationConfig) -> dict[str, Any]:
    settings = config_to_dict(config)
    return {section: settings[section] for section in TRAINING_SECTIONS}


def group_rules(head_lr_multiplier: float) -> list[GroupRule]:
    """Weights 1x, biases 2x without decay; of the last layers ten times that (sgan spec, section 5.2)."""
    return [
        GroupRule("head_bias", r"^fc8_\d+\.bias$", 2 * head_lr_multiplier, decays=False),
        GroupRule("head", r"^fc8_\d+\.weight$", head_lr_multiplier),
        GroupRule("bias", r"\.bias$", 2.0, decays=False),
        GroupRule("body", ""),
    ]


def optimizer(config: SegmentationConfig, network: nn.Module) -> torch.optim.Optimizer:
    choice = config.optimizer
    groups = parameter_groups(network, group_rules(choice.head_lr_multiplier), choice.lr, choice.weight_decay)
    return build_optimizer(choice, groups)


def train_network(config: SegmentationConfig) -> None:
    """Train, or continue where a stopped training was.

    Raises:
        ConfigError: the settings contradict each other, or no folder of seeds is given.
        DataError: dataset or seeds are not there.
        CheckpointError: the initial weights are missing or do not fit.
    """
    if not config.label_dir:
        raise ConfigError("label_dir is empty: give the folder of seeds <id>.png with --label-dir")
    layout = open_layout(config.data)
    augmentation, engine = config.augmentation, config.engine
    transform = training_transform(augmentation.resize, augmentation.crop_size, augmentation.distort_colours)
    ids, folder = layout.ids(config.split), Path(config.label_dir)
    data = training_data(layout, ids, folder, transform, engine.seed, with_tags=config.losses.grow)
    with start_session(engine.device) as session:
        settings = training_settings(config)
        session.on_main(lambda: config.folder.begin(settings, force=config.force))
        seed_everything(engine.seed)
        announce: Callable[[str], None] = print if session.is_main else lambda line: None
        network = build_network(config.network, layout.n_classes + 1, announce)
        train(
            network,
            SegmentationStep(config.losses),
            data,
            optimizer(config, network),
            build_schedule(config.schedule, engine.max_steps),
            engine,
            config.folder,
            session,
            settings,
        )
        if engine.end_step == engine.max_steps:
            session.on_main(lambda: write_final_weights(config))


def write_final_weights(config: SegmentationConfig) -> None:
    write_torch(config.final_weights, load_model_state(config.folder.finished_checkpoint(config.engine.max_steps)))
    print(f"wrote {config.final_weights}")
