"""The two trainings: groups and rates, and what each of them starts from (l2g_cda spec, sections 2.5 and 5)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.engine.losses import StepFunction
from common.engine.optimizer import build_optimizer
from common.engine.schedules import Schedule, build_schedule, step_decay
from common.engine.settings import EngineConfig
from common.errors import DataError
from common.method.stage import dataset_of, inside
from common.method.training import SECTIONS, Published, Training
from common.models.frozen import fold_frozen_batchnorm
from l2g_cda.bank import read_bank
from l2g_cda.losses import L2GStep
from l2g_cda.network import (
    L2GNetwork,
    LocalToGlobal,
    build_network,
    build_pair,
    load_published,
    published_content,
)
from l2g_cda.pasting import PastedTwins
from l2g_cda.settings import L2GOptimizer, L2GSettings, StageConfig
from l2g_cda.views import ViewMaker, collate

# Name of the dataset in the published checkpoints.
PUBLISHED_DATASETS = {"voc12": "pascal_voc", "vocaug": "pascal_voc", "coco14": "coco"}
# Kinds of parameters of one network, in the order of the groups; the numbers are multiples of the learning rate.
BACKBONE, BACKBONE_BIAS, HEAD, HEAD_BIAS, BATCHNORM, ADDED = "x1", "x2", "x10", "x20", "batchnorm", "added"



def parameters_by_kind(network: L2GNetwork) -> dict[str, list[str]]:
    """Kind -> names of all parameters of that kind, frozen ones too.

    Convolutions of the backbone are ``x1`` (their biases ``x2``), those of the head ``x10`` and ``x20``; BatchNorm of the
    backbone is ``batchnorm``; what is left in attention and suppression modules is ``added``.
    """
    kinds: dict[str, list[str]] = {kind: [] for kind in (BACKBONE, BACKBONE_BIAS, HEAD, HEAD_BIAS, BATCHNORM, ADDED)}
    for module_name, module in network.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            kinds[kind_of(network, module_name, module, name)].append(f"{module_name}.{name}")
    return kinds


def kind_of(network: L2GNetwork, module_name: str, module: nn.Module, name: str) -> str:
    """The kind of the parameter ``name`` of a module of the network."""
    is_bias = name == "bias"
    if any(module is layer for layer in network.head):
        return HEAD_BIAS if is_bias else HEAD
    if isinstance(module, nn.Conv2d):
        return BACKBONE_BIAS if is_bias else BACKBONE
    inside_added = any(part in module_name for part in ("se_layer", "DRS_", "suppressions"))
    return ADDED if inside_added or not isinstance(module, nn.BatchNorm2d) else BATCHNORM


def optimizer_groups(pair: LocalToGlobal, lr: float, config: L2GOptimizer) -> list[dict[str, Any]]:
    """Groups of what learns, for each kind first the global network's, then the local one's; empty ones are left out."""
    head = config.head_lr_multiplier
    multipliers = {BACKBONE: 1.0, BACKBONE_BIAS: 2.0, HEAD: head, HEAD_BIAS: 2 * head, BATCHNORM: 1.0}
    if config.train_added:
        multipliers[ADDED] = head
    networks = {"global": pair.global_network, "local": pair.local_network}
    kinds = {place: parameters_by_kind(network) for place, network in networks.items()}
    groups = []
    for kind, multiplier in multipliers.items():
        for place, network in networks.items():
            parameters = [network.get_parameter(name) for name in kinds[place][kind]]
            learning = [parameter for parameter in parameters if parameter.requires_grad]
            rate = lr * multiplier
            if learning:
                groups.append({"name": f"{kind}_{place}", "params": learning, "lr": rate, "initial_lr": rate})
    return groups


def build_l2g_optimizer(groups: list[dict[str, Any]], config: L2GOptimizer) -> torch.optim.Optimizer:
    """The optimiser over the groups of :func:`optimizer_groups`."""
    if config.argument_slip:
        return torch.optim.SGD(groups, momentum=config.weight_decay)
    decaying = [{**group, "weight_decay": config.weight_decay} for group in groups]
    if config.name != "sgd":
        return build_optimizer(config, decaying)
    return torch.optim.SGD(decaying, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov)


def decay_steps(decay_epochs: Sequence[int], steps_per_epoch: int, first_epoch: int = 0) -> list[int]:
    """Steps of a training at which its rate decays: the start of each decay epoch; those before its first never come."""
    return [(epoch - first_epoch) * steps_per_epoch for epoch in decay_epochs if epoch >= first_epoch]


def images_of(settings: L2GSettings, layout: DatasetLayout) -> ListedImages:
    """The images of the list with tags and saliency maps."""
    if not layout.saliency.is_dir():
        raise DataError(
            f"no saliency maps: folder {layout.saliency} does not exist; put them there or set data.saliency"
        )
    return ListedImages(layout, layout.ids(settings.split), ("tags", "saliency"))


def plain_views(settings: L2GSettings, layout: DatasetLayout) -> SeededDataset:
    return SeededDataset(images_of(settings, layout), ViewMaker(settings.views), settings.engine.seed)


def pasted_views(settings: L2GSettings, layout: DatasetLayout, lazily: bool = False) -> PastedTwins:
    """Pairs of views, one of them with an object of the bank; ``lazily`` reads an object when it is drawn."""
    cda = settings.cda
    images = images_of(settings, layout)
    bank = read_bank(Path(cda.bank), layout.n_classes, with_saliency=cda.mask == "saliency", lazily=lazily)
    return PastedTwins(images, ViewMaker(settings.views), settings.engine.seed, bank, cda)


def step_of(settings: L2GSettings, network: nn.Module) -> StepFunction:
    stride = cast(LocalToGlobal, network).global_network.backbone.output_stride
    return L2GStep(settings.loss, settings.views.crop_size, stride, settings.engine.accumulate)


def prepare(settings: L2GSettings, network: nn.Module) -> None:
    if settings.backbone.freeze_batchnorm:
        fold_frozen_batchnorm(network)


def steps_per_epoch(n_images: int, engine: EngineConfig) -> int:
    images = engine.batch_size * engine.accumulate
    return max(1, n_images // images) if engine.last_batch == "drop" else -(-n_images // images)


def n_images(settings: L2GSettings, layout: DatasetLayout) -> int:
    return len(layout.ids(settings.split))


class TrainingPart:
    """What the two trainings differ in: their own section, and the epochs before them.

    Args:
        name: of the training and of its folder.
        section: its section of the settings.
        before: whether the epochs of the first training lie before it.
    """

    def __init__(self, name: str, section: str, before: bool) -> None:
        self.name, self.section, self.before = name, section, before

    def own(self, settings: L2GSettings) -> StageConfig:
        config: StageConfig = getattr(settings, self.section)
        return config

    def first_epoch(self, settings: L2GSettings) -> int:
        """Epochs are counted over both trainings."""
        return settings.base_training.epochs if self.before else 0

    def last_epoch(self, settings: L2GSettings) -> int:
        return self.first_epoch(settings) + self.own(settings).epochs - 1

    def engine(self, settings: L2GSettings, n_images: int) -> EngineConfig:
        """The engine's settings with the steps of the training."""
        steps = self.own(settings).epochs * steps_per_epoch(n_images, settings.engine)
        return dataclasses.replace(settings.engine, max_steps=min(steps, settings.engine.max_steps))

    def optimizer(self, settings: L2GSettings, network: nn.Module) -> torch.optim.Optimizer:
        config = settings.optimizer
        rate = self.own(settings).lr or config.lr
        return build_l2g_optimizer(optimizer_groups(cast(LocalToGlobal, network), rate, config), config)

    def schedule(self, settings: L2GSettings, engine: EngineConfig) -> Schedule:
        """The decay epochs on top of the schedule of the settings, which begins anew in each training."""
        per_epoch = steps_per_epoch(n_images(settings, dataset_of(settings)), engine)
        steps = decay_steps(self.own(settings).decay_epochs, per_epoch, self.first_epoch(settings))
        decay, schedule = step_decay(steps, settings.schedule.gamma), build_schedule(settings.schedule, engine.max_steps)
        return lambda step: schedule(step) * decay(step)

    def published_file(self, settings: L2GSettings, layout: DatasetLayout) -> Path:
        """``model/pascal_voc_epoch_9.pth`` after ten epochs."""
        name = PUBLISHED_DATASETS.get(layout.name, layout.name)
        return Path(settings.out) / "model" / f"{name}_epoch_{self.last_epoch(settings)}.pth"

    def published_content(self, settings: L2GSettings, network: nn.Module, engine: EngineConfig) -> Mapping[str, Any]:
        return published_content(cast(LocalToGlobal, network), self.last_epoch(settings), engine.end_step)

    def training(self, **slots: Any) -> Training:
        """The training; ``slots`` fill those in which the two differ."""
        return Training(
            name=self.name,
            network=lambda settings, layout: build_pair(settings.backbone, layout.n_classes),
            step=step_of,
            optimizer=self.optimizer,
            schedule=self.schedule,
            engine=self.engine,
            n_samples=n_images,
            collate=lambda settings: collate,
            prepare=prepare,
            published=Published(
                path=self.published_file,
                content=self.published_content,
                network=lambda settings, layout: build_network(settings.backbone, layout.n_classes),
                load=load_published,
            ),
            folder=inside(self.name),
            **slots,
        )


BASE = TrainingPart("base", "base_training", before=False).training(
    data=plain_views,
    decides=(*SECTIONS, "views", "loss", "base_training"),
    text="the first training, without pasting",
)
PASTING = TrainingPart("pasting", "pasting", before=True).training(
    data=pasted_views,
    after=BASE,
    decides=(*SECTIONS, "views", "loss", "base_training", "cda", "pasting"),
    in_chain=lambda settings: settings.pasting.epochs > 0,
    text="the second training, with objects of the bank pasted in",
)
