"""L2G with suppression, attention and online pasting (CDA), as a declaration."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.cam.inference import PyramidLoader
from common.cam.random_walk_maps import write_affinity
from common.config import config_to_dict
from common.data.colours import NORMALISATIONS
from common.data.dataset import ListedImages, with_saliency
from common.data.layout import DatasetLayout
from common.data.sampling import SampleKey, SeededDataset
from common.data.transforms import ToTensors
from common.engine.losses import StepFunction
from common.engine.schedules import Schedule, build_schedule, decay_steps
from common.engine.settings import EngineConfig
from common.memory import memory_limit
from common.method.files import Files
from common.method.labels import Labels, Score
from common.method.maps import Maps, Write
from common.method.method import Method
from common.method.pictures import Pictured
from common.method.published import Published, epoch_file
from common.method.requirements import Requirement
from common.method.stage import dataset_of, inside, never
from common.method.steps import StepBench
from common.method.training import SECTIONS, Training, fold_if_frozen
from common.report.html import Panel
from common.visual.panels import write_png
from l2g_cda import bank, maps, network, optimizer
from l2g_cda.bank_stages import BANK, BANK_CLASSIFIER, outputs_of_run, require_bank
from l2g_cda.bench import noise_views, step_as_published
from l2g_cda.losses import L2GStep
from l2g_cda.pasting import PastedTwins, paste
from l2g_cda.settings import (
    L2G_ALIASES,
    L2G_CONFIGS,
    L2G_ROWS,
    L2G_VARIABLES,
    TOOLBOX,
    L2GSettings,
    PartConfig,
    l2g_on_photographs,
)
from l2g_cda.views import ViewMaker, collate

DECIDES = (*SECTIONS, "views", "loss", "base_training")


def plain_views(settings: L2GSettings, layout: DatasetLayout) -> SeededDataset:
    """The views of the first training."""
    return SeededDataset(salient_images(settings, layout), ViewMaker(settings.views), settings.engine.seed)


def pasted_views(settings: L2GSettings, layout: DatasetLayout) -> PastedTwins:
    """Pairs of views, one of them with an object of the bank."""
    cda, images = settings.cda, salient_images(settings, layout)
    objects = bank.read_bank(Path(cda.bank), layout.n_classes, cda.mask == "saliency")
    return PastedTwins(images, ViewMaker(settings.views), settings.engine.seed, objects, cda)


def salient_images(settings: L2GSettings, layout: DatasetLayout) -> ListedImages:
    return with_saliency(layout, layout.ids(settings.split))


def l2g_step(settings: L2GSettings, pair: nn.Module) -> StepFunction:
    assert isinstance(pair, network.LocalToGlobal)
    stride = pair.global_network.backbone.output_stride
    return L2GStep(settings.loss, settings.views.patch_side, stride, settings.engine.accumulate)


def n_listed(settings: L2GSettings, layout: DatasetLayout) -> int:
    return len(layout.ids(settings.split))


def l2g_training(name: str, section: str, is_second: bool, **slots: Any) -> Training:
    """One of the two trainings, with its own section of the settings; epochs are counted over both."""

    def own(settings: L2GSettings) -> PartConfig:
        config: PartConfig = getattr(settings, section)
        return config

    def first_epoch(settings: L2GSettings) -> int:
        return settings.base_training.epochs if is_second else 0

    def last_epoch(settings: L2GSettings) -> int:
        return first_epoch(settings) + own(settings).epochs - 1

    def engine_of(settings: L2GSettings, n_images: int) -> EngineConfig:
        return settings.engine.over_epochs(own(settings).epochs, n_images)

    def optimizer_of(settings: L2GSettings, pair: nn.Module) -> torch.optim.Optimizer:
        assert isinstance(pair, network.LocalToGlobal)
        groups = optimizer.optimizer_groups(pair, own(settings).rate, settings.optimizer)
        return optimizer.build_l2g_optimizer(groups, settings.optimizer)

    def schedule_of(settings: L2GSettings, engine: EngineConfig) -> Schedule:
        """The decay epochs on top of the schedule of the settings, which begins anew in each training."""
        per_epoch = engine.steps_per_epoch(n_listed(settings, dataset_of(settings)))
        steps = decay_steps(own(settings).decay_epochs, per_epoch, first_epoch(settings))
        return build_schedule(settings.schedule, engine.max_steps, steps)

    def published_file(settings: L2GSettings, layout: DatasetLayout) -> Path:
        """``model/pascal_voc_epoch_9.pth`` after ten epochs."""
        return epoch_file(Path(settings.out), layout, last_epoch(settings))

    def content_of(settings: L2GSettings, pair: nn.Module, engine: EngineConfig) -> Mapping[str, Any]:
        return network.published_content(pair, last_epoch(settings), engine.end_step)

    def global_network(settings: L2GSettings, layout: DatasetLayout) -> nn.Module:
        return network.build_l2g(settings.backbone, layout.n_classes)

    def load_global(settings: L2GSettings, global_network: nn.Module, path: Path) -> None:
        network.load_global_network(global_network, path)

    return Training(
        name=name,
        network=lambda settings, layout: network.build_pair(settings.backbone, layout.n_classes),
        step=l2g_step,
        n_samples=n_listed,
        optimizer=optimizer_of,
        schedule=schedule_of,
        engine=engine_of,
        collate=lambda settings: collate,
        prepare=fold_if_frozen,
        published=Published(published_file, content_of, global_network, load_global),
        folder=inside(name),
        **slots,
    )


FIRST = l2g_training(
    *("base", "base_training", False), data=plain_views, decides=DECIDES, text="the first training, without pasting"
)
SECOND = l2g_training(
    *("pasting", "pasting", True),
    data=pasted_views,
    after=FIRST,
    decides=(*DECIDES, "cda", "pasting"),
    in_chain=lambda settings: settings.pasting.epochs > 0,
    # Twins: every image twice.
    noise=lambda settings, n: noise_views(settings.views, 2 * settings.engine.batch_size, n),
    requires=lambda settings: [Requirement(partial(require_bank, settings), Path(settings.cda.bank))],
    text="the second training, with objects of the bank pasted in",
)


def l2g_maps(inference: type[maps.ScoreInference], **slots: Any) -> Maps:
    """Maps of the last training's global network; ``slots`` fill those in which the two kinds differ."""
    return Maps(
        training=SECOND,
        load=lambda settings, images: PyramidLoader(
            images,
            settings.cam,
            ToTensors(*NORMALISATIONS[settings.views.normalisation]),
            memory_limit(settings.engine.device),
        ),
        compute=lambda settings, trained, device: inference(trained, settings.cam, device),
        decides=lambda settings: {"normalisation": settings.views.normalisation},
        **slots,
    )


def published_pngs(settings: L2GSettings) -> Write:
    write = partial(maps.write_published_pngs, Path(settings.out), settings.cam.png_threshold)
    folder = ATTENTION.folder(settings)
    return lambda path, found: write(path.relative_to(folder).with_suffix("").as_posix(), found)


def irn_files(settings: L2GSettings) -> Write:
    out = Path(settings.out)
    return lambda path, found: maps.write_irn(out / "cam_npy_irn" / path.relative_to(out / "cam_npy_aff"), found)


ATTENTION = l2g_maps(maps.AttentionInference, write=maps.write_attention, beside=published_pngs, text="attention maps")
RANDOM_WALK = l2g_maps(
    maps.RandomWalkInference,
    name="random_walk",
    write=write_affinity,
    beside=irn_files,
    suffix=".npy",
    folder=inside("cam_npy_aff"),
    in_chain=never,
    text="maps for random-walk refinement, in AffinityNet's and IRN's forms",
)


def row_of_ingredients(settings: L2GSettings) -> str:
    """The row of the results table: L2G and what is added to it, unless the settings say another."""
    attention, suppression = settings.backbone.attention, settings.backbone.suppression
    added = {
        "suppression": suppression != "none",
        "SE" if attention == "se" else f"{attention} attention": attention != "none",
        "CDA": settings.pasting.epochs > 0,
    }
    return settings.report.method or " + ".join(["L2G", *(name for name, is_on in added.items() if is_on)])


def pseudo_label_folder(settings: L2GSettings) -> Path:
    out, folder = Path(settings.out), settings.labels.folder
    return Path(folder.replace("{root}", settings.data.root).replace("{name}", out.name)) if folder else out / "labels"


PSEUDO_LABELS = Labels(
    maps=ATTENTION,
    values=maps.byte_shares,
    thresholds=tuple(number / 100 for number in range(1, 91)),
    decides=lambda settings: config_to_dict(dataclasses.replace(settings.labels, folder="")),
    row=row_of_ingredients,
    uses_saliency=lambda settings: True,
    folder=pseudo_label_folder,
    text="pseudo labels from attention maps",
)


PICTURES_OF_ATTENTION = Files(
    name="res",
    names=lambda settings, layout: maps.picture_names(layout, layout.ids(settings.split), ATTENTION.folder(settings)),
    make=lambda settings, layout: maps.AttentionPicture(layout, PSEUDO_LABELS.map_reader(settings)),
    write=write_png,
    decides=lambda settings, layout: {"maps": ATTENTION.made(settings)},
    folder=inside("ms", "accu_att_zoom"),
    in_chain=never,
    text="attention maps as pictures",
)


def pasted_panels(settings: L2GSettings, layout: DatasetLayout, pictured: Pictured) -> Iterable[Panel]:
    """The image with the object it gets in the first epoch of the second training, and the saliency map with it."""
    if not settings.pasting.epochs or not Path(settings.cda.bank).is_dir():
        return
    sample = pictured.sample
    placement = pasted_views(settings, layout).drawn(sample, SampleKey(0, pictured.position))
    if placement is not None:
        image, saliency = paste(sample["image"], sample["saliency"], placement, settings.cda.channels)
        yield Panel("pasted", image)
        yield Panel("pasted, saliency", saliency)


METHOD = Method(
    name="l2g_cda",
    settings=L2GSettings,
    stages=(
        *(BANK_CLASSIFIER, BANK, FIRST, SECOND, ATTENTION, PSEUDO_LABELS),
        Score(labels=PSEUDO_LABELS, text="score the pseudo labels against the masks of the list"),
        *(RANDOM_WALK, PICTURES_OF_ATTENTION),
    ),
    aliases=L2G_ALIASES,
    panels=pasted_panels,
    variants=L2G_ROWS,
    bench=StepBench(
        published=step_as_published,
        batch=lambda settings, n_classes: noise_views(settings.views, settings.engine.batch_size, n_classes),
    ),
    environment=L2G_VARIABLES,
    photographs=l2g_on_photographs,
    configs=(L2G_CONFIGS / "voc.yaml", L2G_CONFIGS / "toy.yaml"),
    home=TOOLBOX,
    outputs=outputs_of_run,
)
