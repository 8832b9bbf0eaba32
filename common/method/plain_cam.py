"""Plain CAM and CAM x saliency: the method that every other one is read against, and the defaults of all.

Train a multi-label classifier on tags, compute its CAMs, turn them into label maps: with a constant background score
(plain CAM), or with the background taken from a saliency map (CAM x saliency).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from common.bounds import bounded, bounded_share
from common.cam.inference import CamConfig
from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset, Transform
from common.data.scaled_crop import RandomScaledCrop
from common.data.transforms import (
    MEAN_COLOUR,
    ColorJitter,
    Compose,
    RandomFlip,
    RandomResizedCrop,
    ToTensors,
)
from common.engine.losses import Losses, StepFunction
from common.method.label_sets import LabelSet
from common.method.labels import Labels, Score
from common.method.maps import Maps
from common.method.method import Method
from common.method.settings import CropConfig, RefinedSettings
from common.method.steps import Batch, noise_with_tags
from common.method.training import SECTIONS, Training
from common.models.backbones import build_backbone
from common.models.classifier import CamClassifier
from common.pseudo_labels.rule import LabelConfig

ROW = "plain CAM"
CONFIGS = Path(__file__).parent / "configs"


@dataclass
class AugmentationConfig(CropConfig):
    """What the classifier sees of an image.

    Args:
        area: least and greatest share of the image's area in the square. Where scales are given it is not used: the image is
            scaled by one of them and cut without distortion (padded where it is smaller than the square).
        color_jitter: strength of brightness, contrast and saturation changes; 0 for none.
    """

    area: tuple[float, float] = bounded((0.35, 1.0), above=0, most=1, ascending=True)
    color_jitter: float = bounded_share(0.2)


@dataclass
class CamSettings(RefinedSettings):
    """Train a classifier on image tags, compute CAMs, make and score pseudo labels.

    Args:
        augmentation: what the classifier sees.
        cam: CAM inference.
        labels: pseudo labels.
    """

    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    cam: CamConfig = field(default_factory=CamConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)


def cam_classifier(settings: CamSettings, layout: DatasetLayout) -> nn.Module:
    return CamClassifier(build_backbone(settings.backbone), layout.n_classes)


def classification_loss(logits: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
    """Multi-label soft margin: mean binary cross-entropy over images and classes.

    Args:
        logits: N x C.
        tags: N x C, 0 or 1.
    """
    return functional.multilabel_soft_margin_loss(logits, tags)


def classification_step(network: nn.Module, batch: dict[str, Any]) -> Losses:
    return {"classification": classification_loss(network(batch["image"]), batch["tags"])}


def step_of_classifier(settings: CamSettings, network: nn.Module) -> StepFunction:
    return classification_step


def augmentation(config: AugmentationConfig) -> Transform:
    """Random crop, flip, colour jitter, normalisation."""
    crop: list[Transform] = [RandomResizedCrop(config.crop_size, config.area)]
    if config.scales:
        crop = [RandomScaledCrop(config.scales, config.crop_size, MEAN_COLOUR)]
    jitter = [ColorJitter(config.color_jitter)] if config.color_jitter else []
    return Compose([*crop, RandomFlip(), *jitter, ToTensors()])


def tagged_images(settings: CamSettings, layout: DatasetLayout) -> SeededDataset:
    """The images of the list with their tags."""
    images = ListedImages(layout, layout.ids(settings.split), parts={"tags"})
    return SeededDataset(images, augmentation(settings.augmentation), settings.engine.seed)


def noise_of_squares(settings: CamSettings, n_classes: int) -> Batch:
    return noise_with_tags(settings.engine.batch_size, settings.augmentation.crop_size, n_classes)


def label_kind(settings: CamSettings) -> str:
    """Name of the folder of label maps."""
    labels = settings.labels
    name = {
        "constant": "plain_cam",
        "power": "plain_cam_power",
        "saliency": "cam_x_saliency",
        "mean": "cam_and_saliency",
    }[labels.background]
    return name if labels.crf == "none" else f"{name}_crf_{labels.crf}"


def label_folder(settings: CamSettings) -> Path:
    return Path(settings.out) / "labels" / label_kind(settings)


def row_of(row: str, settings: CamSettings) -> str:
    """The row of the results table: what the configuration says, else the method's with its kind of background."""
    kinds = {"constant": "{}", "power": "{}, power background", "saliency": "{} x saliency", "mean": "{} and saliency"}
    name = settings.report.method or row
    with_saliency = settings.labels.uses_saliency
    return kinds[settings.labels.background].format("CAM" if with_saliency and name == ROW else name)


def train_classifier(
    step: Callable[[Any, nn.Module], StepFunction] = step_of_classifier,
    settings: type[CamSettings] = CamSettings,
    **slots: Any,
) -> Training:
    """The training of a classifier; ``slots`` fill others of :class:`Training`.

    All that ``settings`` adds to plain CAM's decides the trained network, unless ``decides`` says otherwise.
    """
    added = [one.name for one in fields(settings) if one.name not in CamSettings.__dataclass_fields__]
    defaults = {
        "network": cam_classifier,
        "data": tagged_images,
        "decides": (*SECTIONS, "augmentation", *added),
        "noise": noise_of_squares,
    }
    return Training(step=step, text="train the classifier on image tags", **{**defaults, **slots})


def kinds_of(backgrounds: Sequence[str], ceiling: bool, settings: CamSettings) -> list[LabelSet]:
    """The sets of label maps of a chain: every kind of background, DeepLab-v2 learns from those without the CRF."""
    sets = []
    for background in backgrounds:
        sets.append(LabelSet({"labels.background": background, "labels.crf": "none"}))
        if settings.label_crf:
            refined = {"labels.background": background, "labels.crf": "label"}
            sets.append(LabelSet(refined, segmented=False))
    return [*sets, LabelSet(masks=True)] if ceiling else sets


def cam_method(name: str, row: str, settings: type[CamSettings], training: Training, **slots: Any) -> Method:
    """A method that differs from plain CAM in how its classifier is trained; ``slots`` fill others of :class:`Method`.

    Without ``configs`` of its own it runs on VOC as plain CAM does, and its chain on the toy set beside the reference rows.
    """
    maps = Maps(training=training, text="class activation maps of the list")
    labels = Labels(
        maps=maps, row=partial(row_of, row), folder=label_folder, text="label maps from CAMs, with or without saliency"
    )
    stages = (training, maps, labels, Score(labels=labels, text="score the label maps against the masks of the list"))
    defaults: dict[str, Any] = {
        "label_sets": partial(kinds_of, ("constant",), False),
        "configs": (CONFIGS / "voc12.yaml", CONFIGS / "toy_method.yaml"),
    }
    return Method(name, settings, stages, **{**defaults, **slots})


METHOD = cam_method(
    "plain_cam",
    ROW,
    CamSettings,
    train_classifier(),
    label_sets=partial(kinds_of, ("constant", "saliency"), True),
    configs=(CONFIGS / "voc12.yaml", CONFIGS / "toy.yaml"),
    pictured_split="val",
)
