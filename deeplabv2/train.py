"""``main.py train``: from masks, pseudo labels or seeds to ``checkpoint_final.pth``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.engine.losses import Losses, StepFunction
from common.engine.optimizer import build_optimizer
from common.engine.settings import FREE_TO_CHANGE
from common.errors import ConfigError
from common.method.published import Published
from common.method.settings import ReportConfig
from common.method.steps import Batch, noise_with_labels
from common.method.training import Training
from common.models.backbones import describe_weights
from common.models.frozen import fold_frozen_batchnorm
from deeplabv2.dataset import TrainingImages, open_segmentation_data, stack_samples
from deeplabv2.losses import LossName, map_loss, pyramid_losses
from deeplabv2.networks.dsrg import OUTPUT_STRIDE
from deeplabv2.networks.registry import grouped_parameters, input_convention, network_kind, resolved, starting_network
from deeplabv2.resize import resize_aligned
from deeplabv2.samples import InputConvention, long_side_crop, scaled_crop, warped_crop
from deeplabv2.seed_losses import dsrg_losses, retrain_losses, training_crf
from deeplabv2.settings import DeepLabConfig, SegmentationLossConfig, TestConfig

# What the run folder holds: all that a prediction needs too, so that it finds its settings beside the checkpoint. Scores and test
# settings may change without retraining.
RECORDED = (
    *("experiment", "label_dir", "data", "network", "image", "loss", "engine", "optimizer", "schedule"),
    *("test", "report"),
)
FREE = {
    *FREE_TO_CHANGE,
    *("data.val_list", "data.test_list", "data.label_names", "image.test_size"),
    *(f"test.{field.name}" for field in fields(TestConfig)),
    *(f"report.{field.name}" for field in fields(ReportConfig)),
}


def convention_of(config: DeepLabConfig) -> InputConvention:
    return input_convention(config.network, config.image.mean.bgr)


def announce(line: str) -> None:
    """Print once, whatever the number of processes."""
    if os.environ.get("RANK", "0") == "0":
        print(line)


def pyramid_step(loss: SegmentationLossConfig, ignore_label: int) -> StepFunction:
    """``(network, batch) -> losses`` of every map that the network gives."""
    name, at_image_size = cast(LossName, loss.name), loss.size == "image"
    terms = map_loss(name, loss.focal_gamma, loss.self_training == "multiply", ignore_label)
    return lambda network, batch: pyramid_losses(
        network(batch["image"]), batch["mask"], terms, at_image_size, batch.get("tags")
    )


class SeedStep:
    """``(network, batch) -> losses`` of its one map; the label of a position is that of the pixel at its centre."""

    def __init__(self, loss: SegmentationLossConfig, ignore_label: int, convention: InputConvention) -> None:
        self.retrains, self.ignore_label, self.convention = loss.name == "retrain", ignore_label, convention.rounded
        grow = (loss.grow_background, loss.grow_foreground) if loss.grow else None
        self.losses: Callable[..., Losses] = partial(
            dsrg_losses,
            seed=loss.seed_loss,
            constrain=loss.constrain,
            crf=training_crf(loss.crf_scale),
            engine=loss.crf_engine,
            grow=grow,
        )

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        (logits,) = network(batch["image"])
        seeds = batch["mask"][:, ::OUTPUT_STRIDE, ::OUTPUT_STRIDE]
        labels = seeds.masked_fill(seeds == self.ignore_label, logits.shape[1])
        if self.retrains:
            return retrain_losses(logits, labels)
        return self.losses(logits, labels, self.photographs(batch["image"], labels), tags=batch.get("tags"))

    def photographs(self, images: Tensor, labels: Tensor) -> Tensor:
        """What the CRF sees: the network's input at the size of the logits, uint8 N x h x w x 3, BGR."""
        size = (labels.shape[1], labels.shape[2])
        return self.convention.colours(resize_aligned(images.double(), size))


def build_step(config: DeepLabConfig, network: nn.Module) -> StepFunction:
    if config.takes_seeds:
        return SeedStep(config.loss, config.data.ignore_label, convention_of(config))
    return pyramid_step(config.loss, config.data.ignore_label)


def training_samples(config: DeepLabConfig, layout: DatasetLayout) -> SeededDataset:
    """The items of a training: ``image`` float32 3 x H x W, ``mask`` int64 H x W, ``tags`` where the loss needs them."""
    require_trainable(config)
    image, n_labels, ignore = config.image, config.network.n_labels, config.data.ignore_label
    if config.takes_seeds and not config.label_dir:
        raise ConfigError("label_dir is empty: give the folder of seeds <id>.png with --label-dir")
    unlabelled = (n_labels,) if config.takes_seeds else ()
    images = TrainingImages(layout, config.label_dir, n_labels, ignore, unlabelled, config.loss.needs_tags)
    convention = convention_of(config)
    if image.long_sides:
        transform = long_side_crop(convention, image.long_sides, image.crop_size, ignore)
    elif image.warp_size:
        transform = warped_crop(convention, image.warp_size, image.crop_size, image.distort_colours)
    else:
        transform = scaled_crop(convention, image.scales, image.crop_size, image.base_size, ignore)
    return SeededDataset(images, transform, config.engine.seed)


def require_trainable(config: DeepLabConfig) -> None:
    """Raise :class:`ConfigError` for a network that is no more than a container, or a loss that does not suit it."""
    if not network_kind(config.network).trains:
        raise ConfigError(
            f"{config.network.name} only holds initial weights; train DeepLabV2_ResNet101_MSC with them as network.weights"
        )
    if config.takes_seeds and config.network.pyramid:
        raise ConfigError(f"the loss {config.loss.name} is of a single map: set network.pyramid to []")


def group_optimizer(config: DeepLabConfig, network: nn.Module) -> torch.optim.Optimizer:
    """Over the groups of the network's kind."""
    return build_optimizer(config.optimizer, grouped_parameters(network, config.network, config.optimizer))


def fold(config: DeepLabConfig, network: nn.Module) -> None:
    if config.network.fold_batchnorm:
        announce(f"Folded: {fold_frozen_batchnorm(network)} frozen BatchNorm layers")


def described_weights(config: DeepLabConfig) -> str:
    """Where the training starts from, for its results."""
    network = resolved(config.network)
    return network.weights or describe_weights(network.backbone)


def summary(config: DeepLabConfig, n_images: int, device: torch.device) -> str:
    """What a number will depend on: the questions that come when somebody cannot reproduce it."""
    data, engine, image = config.data, config.engine, config.image
    seen = f"square {image.warp_size}" if image.warp_size else f"image scales {', '.join(map(str, image.scales))}"
    if image.long_sides:
        seen = "longer side {} to {}".format(*image.long_sides)
    return "\n".join(
        [
            f"Mode: train on {device}, {engine.precision}",
            f"Dataset: {data.dataset}, {n_images} images of {data.train_list}, masks of {config.label_dir or 'the dataset'}",
            f"Model: {config.network.name}, {config.network.n_labels} labels, initial weights {described_weights(config)}",
            f"Loss: {config.loss.name}; {seen}, crop {image.crop_size}, batch {engine.batch_size} x {engine.accumulate}, "
            f"lr {config.optimizer.lr}, {engine.max_steps} iterations",
            f"Checkpoint dst: {config.training_folder}",
        ]
    )


def noise_of_crops(config: DeepLabConfig, n_classes: int) -> Batch:
    return noise_with_labels(config.engine.batch_size, config.image.crop_size, config.network.n_labels)


TRAIN = Training(
    layout=lambda config: open_segmentation_data(config.data, config.network.n_labels),
    folder=lambda config: config.training_folder,
    network=lambda config, layout: starting_network(config.network, announce),
    step=build_step,
    data=training_samples,
    learns_from=lambda config: [Path(config.label_dir)] if config.label_dir else [],
    optimizer=group_optimizer,
    decides=RECORDED,
    free=FREE,
    collate=lambda config: partial(stack_samples, ignore_label=config.data.ignore_label),
    prepare=fold,
    noise=noise_of_crops,
    published=Published(lambda config, layout: config.final_checkpoint),
    summary=summary,
)
