"""Both trainings: the local network learns from tags, the global one from the local one (l2g_cda spec, sections 3 and 5)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.config import config_to_dict
from common.data.layout import DatasetLayout, open_layout
from common.engine.checkpoint import load_model_state
from common.engine.randomness import seed_everything
from common.engine.schedules import Schedule
from common.engine.session import Session, start_session
from common.engine.settings import EngineConfig
from common.engine.train import train
from common.errors import CheckpointError
from common.models.frozen import fold_frozen_batchnorm
from common.models.weights import load_weights
from l2g_cda.config import L2GConfig, LossConfig, StageConfig, StageName
from l2g_cda.data.collate import collate
from l2g_cda.data.dataset import training_data
from l2g_cda.data.patches import cut_patches
from l2g_cda.losses import aligned_probabilities, classification_loss, distillation_loss, local_target
from l2g_cda.models.pair import LocalToGlobal, PairScores, build_pair
from l2g_cda.models.published import write_published
from l2g_cda.solver import build_optimizer, optimizer_groups, poly, step_decay

# What decides the trained networks; the other sections belong to later stages and may change without retraining.
TRAINING_SECTIONS = ("data", "split", "body", "views", "loss", "solver", "engine", "base")
PASTING_SECTIONS = (*TRAINING_SECTIONS, "cda", "pasting")
# Names of the dataset in the published checkpoints.
PUBLISHED_DATASETS = {"voc12": "pascal_voc", "vocaug": "pascal_voc", "coco14": "coco"}


class L2GStep:
    """Step function: cuts the patches, runs both networks, gives the losses.

    Args:
        config: targets and weights.
        crop_size: side of a patch, in pixels.
        stride: view size divided by map size of the global network.
        accumulate: batches per optimiser step. The distillation is not divided by it (as published).
    """

    def __init__(self, config: LossConfig, crop_size: int, stride: int, accumulate: int = 1) -> None:
        self.config, self.crop_size, self.stride, self.accumulate = config, crop_size, stride, accumulate

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        patches = self.cut(batch["image"], batch["boxes"])
        return self.losses(network(batch["image"], patches), batch)

    def cut(self, maps: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        """The patches of images or saliency maps (N x C x S x S) at the boxes, in one batch."""
        return cut_patches(maps, boxes, self.crop_size)

    def losses(self, scores: PairScores, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        """The losses of what both networks said; only the first two have an effect unless ``global_weight`` is set."""
        config, boxes = self.config, batch["boxes"]
        saliency = self.cut(batch["saliency"], boxes)
        image_tags = batch["tags"][boxes[:, 0].long()]
        target = local_target(scores.local.maps, image_tags, saliency, config.background_threshold, config.background)
        size = (target.shape[2], target.shape[3])
        probabilities = aligned_probabilities(scores.whole.maps, boxes, size, self.stride)
        whole = classification_loss(scores.whole.logits, batch["tags"])
        return {
            "distillation": self.accumulate * config.distillation_weight * distillation_loss(probabilities, target),
            "local_classification": classification_loss(scores.local.logits, batch["patch_tags"]),
            # Without a weight it is detached: it is in the log, and its gradient nowhere.
            "global_classification": config.global_weight * whole if config.global_weight else whole.detach(),
        }


def training_settings(config: L2GConfig, stage: StageName) -> dict[str, Any]:
    settings = config_to_dict(config)
    sections = TRAINING_SECTIONS if stage == "base" else PASTING_SECTIONS
    return {section: settings[section] for section in sections}


def stage_config(config: L2GConfig, stage: StageName) -> StageConfig:
    return config.base if stage == "base" else config.pasting


def first_epoch(config: L2GConfig, stage: StageName) -> int:
    """Epochs are counted over both trainings."""
    return 0 if stage == "base" else config.base.epochs


def steps_per_epoch(n_images: int, engine: EngineConfig) -> int:
    images = engine.batch_size * engine.accumulate
    return max(1, n_images // images) if engine.last_batch == "drop" else -(-n_images // images)


def stage_engine(config: L2GConfig, stage: StageName, n_images: int) -> EngineConfig:
    """The engine's settings with the steps of the stage."""
    steps = stage_config(config, stage).epochs * steps_per_epoch(n_images, config.engine)
    return dataclasses.replace(config.engine, max_steps=min(steps, config.engine.max_steps))


def stage_schedule(config: L2GConfig, stage: StageName, n_images: int) -> Schedule:
    """Step decay counts epochs over both trainings; poly falls to zero within each of them."""
    own, per_epoch = stage_config(config, stage), steps_per_epoch(n_images, config.engine)
    if config.solver.schedule == "poly":
        return poly(stage_engine(config, stage, n_images).max_steps, config.solver.power)
    return step_decay(own.decay_epochs, per_epoch, first_epoch(config, stage))


def train_all(config: L2GConfig) -> None:
    """The first training, then, where it has epochs, the one with pasted objects; each continues where it was stopped."""
    train_stage(config, "base")
    if config.pasting.epochs:
        train_stage(config, "pasting")


def train_stage(config: L2GConfig, stage: StageName) -> None:
    """One training; writes ``model/<dataset>_epoch_<e>.pth`` at its end.

    Raises:
        CheckpointError: the training with pasting is asked for and the first one is missing or unfinished.
        DataError: see :func:`training_data`.
    """
    layout = open_layout(config.data)
    data = training_data(
        layout, layout.ids(config.split), config.views, config.cda if stage == "pasting" else None, config.engine.seed
    )
    engine = stage_engine(config, stage, len(data))
    with start_session(config.engine.device) as session:
        settings, folder = training_settings(config, stage), config.folder(stage)
        session.on_main(lambda: folder.begin(settings, force=config.force))
        seed_everything(config.engine.seed)
        pair = initial_pair(config, stage, layout, len(data)).train()
        optimizer = build_optimizer(
            optimizer_groups(pair, stage_config(config, stage).lr, config.solver), config.solver
        )
        if config.body.freeze_batchnorm:
            fold_frozen_batchnorm(pair)
        step = L2GStep(config.loss, config.views.crop_size, pair.whole.body.output_stride, engine.accumulate)
        schedule = stage_schedule(config, stage, len(data))
        train(pair, step, data, optimizer, schedule, engine, folder, session, settings, collate)
        publish(config, stage, pair, layout, engine, session)


def initial_pair(config: L2GConfig, stage: StageName, layout: DatasetLayout, n_images: int) -> LocalToGlobal:
    """What a training starts from: the body's initial weights, or the end of the first training."""
    if stage == "base":
        return build_pair(config.body, layout.n_classes)
    checkpoint = config.folder("base").finished_checkpoint(stage_engine(config, "base", n_images).end_step)
    # The checkpoint covers every tensor, so the initial weights need not be at hand any more.
    pair = build_pair(dataclasses.replace(config.body, weights=""), layout.n_classes)
    load_weights(pair, load_model_state(checkpoint), source=str(checkpoint))
    return pair


def publish(
    config: L2GConfig,
    stage: StageName,
    pair: LocalToGlobal,
    layout: DatasetLayout,
    engine: EngineConfig,
    session: Session,
) -> None:
    """Write the networks of a finished training in the published form."""
    epoch = first_epoch(config, stage) + stage_config(config, stage).epochs - 1
    if engine.end_step == engine.max_steps:
        path = published_checkpoint(config, stage, layout)
        session.on_main(lambda: write_published(path, pair, epoch, engine.end_step))


def published_checkpoint(config: L2GConfig, stage: StageName, layout: DatasetLayout) -> Path:
    """``model/pascal_voc_epoch_9.pth`` after ten epochs."""
    epoch = first_epoch(config, stage) + stage_config(config, stage).epochs - 1
    return config.out / "model" / f"{PUBLISHED_DATASETS.get(layout.name, layout.name)}_epoch_{epoch}.pth"


def finished_checkpoint(config: L2GConfig, layout: DatasetLayout) -> Path:
    """The published-form checkpoint of the last training.

    Raises:
        CheckpointError: it is missing: the training was not run, or not to its end.
    """
    path = published_checkpoint(config, config.last_stage, layout)
    if not path.is_file():
        raise CheckpointError(f"no trained network {path}; run the training first, to its end")
    return path
