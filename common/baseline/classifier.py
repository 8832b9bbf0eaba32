"""Stage 1: the multi-label classifier, from image tags."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from common.baseline.config import BaselineConfig, ClassifierAugmentation
from common.config import config_to_dict
from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout, open_layout
from common.data.sampling import SeededDataset, Transform
from common.data.transforms import (
    MEAN_COLOUR,
    ColorJitter,
    Compose,
    PadToSize,
    RandomCrop,
    RandomFlip,
    RandomResizedCrop,
    RandomScale,
    ToTensors,
)
from common.engine.checkpoint import load_model_state
from common.engine.optimizer import body_and_head_rules, build_optimizer, parameter_groups
from common.engine.randomness import seed_everything
from common.engine.schedules import build_schedule
from common.engine.session import start_session
from common.engine.train import train
from common.models.backbones import build_backbone
from common.models.classifier import CamClassifier
from common.models.weights import load_weights

# What decides the trained classifier; the other sections belong to later stages and may change without retraining.
TRAINING_SECTIONS = ("data", "split", "backbone", "augmentation", "engine", "optimizer", "schedule")


def classification_loss(logits: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
    """Multi-label soft margin: mean binary cross-entropy over images and classes.

    Args:
        logits: N x C.
        tags: N x C, 0 or 1.
    """
    return functional.multilabel_soft_margin_loss(logits, tags)


def classification_step(network: nn.Module, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {"classification": classification_loss(network(batch["image"]), batch["tags"])}


def training_transform(config: ClassifierAugmentation) -> Transform:
    """Random crop, flip, colour jitter, normalisation."""
    crop: list[Transform] = [RandomResizedCrop(config.crop_size, config.area)]
    if config.scales:
        pad = PadToSize(config.crop_size, MEAN_COLOUR)
        crop = [RandomScale(config.scales), pad, RandomCrop(config.crop_size)]
    jitter = [ColorJitter(config.color_jitter)] if config.color_jitter else []
    return Compose([*crop, RandomFlip(), *jitter, ToTensors()])


def training_settings(config: BaselineConfig) -> dict[str, Any]:
    settings = config_to_dict(config)
    return {section: settings[section] for section in TRAINING_SECTIONS}


def train_classifier(config: BaselineConfig) -> None:
    """Train on the tags of the list, or continue where a stopped training was."""
    layout = open_layout(config.data)
    images = ListedImages(layout, layout.ids(config.split), parts={"tags"})
    with start_session(config.engine.device) as session:
        settings = training_settings(config)
        session.on_main(lambda: config.folder.begin(settings, force=config.force))
        seed_everything(config.engine.seed)
        model = CamClassifier(build_backbone(config.backbone), layout.n_classes)
        rules = body_and_head_rules("head", config.optimizer.head_lr_multiplier)
        optimizer = config.optimizer
        groups = parameter_groups(model, rules, optimizer.lr, optimizer.weight_decay, optimizer.decay_vectors)
        train(
            model,
            classification_step,
            SeededDataset(images, training_transform(config.augmentation), config.engine.seed),
            build_optimizer(optimizer, groups),
            build_schedule(config.schedule, config.engine.max_steps),
            config.engine,
            config.folder,
            session,
            settings,
        )


def load_classifier(config: BaselineConfig, layout: DatasetLayout) -> CamClassifier:
    """The trained classifier, in eval mode.

    Raises:
        CheckpointError: the training is missing, unfinished, or of another network.
    """
    checkpoint = config.folder.finished_checkpoint(config.engine.end_step)
    # The checkpoint covers every tensor, so the initial weights need not be at hand any more.
    backbone = build_backbone(dataclasses.replace(config.backbone, weights=""))
    model = CamClassifier(backbone, layout.n_classes)
    load_weights(model, load_model_state(checkpoint), source=str(checkpoint))
    return model.eval()
