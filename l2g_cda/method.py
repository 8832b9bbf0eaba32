"""L2G with suppression, attention and online pasting (CDA), as a declaration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from common.cam.inference import PyramidLoader
from common.config import config_to_dict
from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import SampleKey, SeededDataset
from common.engine.losses import StepFunction
from common.engine.schedules import Schedule, build_schedule, step_decay
from common.engine.settings import EngineConfig
from common.errors import DataError
from common.method.command import run_entry
from common.method.files import Files
from common.method.labels import Labels, ReadMaps, Score
from common.method.maps import Compute, Maps, Write
from common.method.method import Method
from common.method.pictures import Pictured
from common.method.stage import dataset_of, inside, never
from common.method.steps import StepBench
from common.method.training import SECTIONS, Published, Training
from common.models.frozen import fold_frozen_batchnorm
from common.report.html import Panel
from l2g_cda import bank, maps, network, optimizer
from l2g_cda.bench import noise_batch, published_form
from l2g_cda.losses import L2GStep
from l2g_cda.network import L2GNetwork, LocalToGlobal
from l2g_cda.objects import write_foreground
from l2g_cda.pasting import PastedTwins, paste
from l2g_cda.settings import ABLATION, ALIASES, PROGRAM_FLAGS, L2GSettings, PartConfig, with_runs
from l2g_cda.views import ViewMaker, collate, normaliser

CONFIGS = Path(__file__).resolve().parent / "configs"
# Name of the dataset in the published checkpoints.
PREFIXES = {"voc12": "pascal_voc", "vocaug": "pascal_voc", "coco14": "coco"}
DECIDES = (*SECTIONS, "views", "loss", "base_training")


def plain_views(settings: L2GSettings, layout: DatasetLayout) -> SeededDataset:
    """The views of the first training."""
    return SeededDataset(salient_images(settings, layout), ViewMaker(settings.views), settings.engine.seed)


def pasted_views(settings: L2GSettings, layout: DatasetLayout, lazily: bool = False) -> PastedTwins:
    """Pairs of views, one with an object of the bank; ``lazily`` reads an object when it is drawn."""
    cda, images = settings.cda, salient_images(settings, layout)
    objects = bank.read_bank(Path(cda.bank), layout.n_classes, with_saliency=cda.mask == "saliency", lazily=lazily)
    return PastedTwins(images, ViewMaker(settings.views), settings.engine.seed, objects, cda)


def salient_images(settings: L2GSettings, layout: DatasetLayout) -> ListedImages:
    if not layout.saliency.is_dir():
        raise DataError(
            f"no saliency maps: folder {layout.saliency} does not exist; put them there or set data.saliency"
        )
    return ListedImages(layout, layout.ids(settings.split), ("tags", "saliency"))


def l2g_step(settings: L2GSettings, pair: nn.Module) -> StepFunction:
    stride = cast(LocalToGlobal, pair).global_network.backbone.output_stride
    return L2GStep(settings.loss, settings.views.patch_side, stride, settings.engine.accumulate)


def fold_what_is_frozen(settings: L2GSettings, pair: nn.Module) -> None:
    if settings.backbone.freeze_batchnorm:
        fold_frozen_batchnorm(pair)


def listed(settings: L2GSettings, layout: DatasetLayout) -> int:
    return len(layout.ids(settings.split))


@dataclasses.dataclass(frozen=True)
class Part:
    """What the two trainings differ in; epochs are counted over both.

    Attributes:
        name: of the training and its folder.
        section: its own settings.
        is_second: whether the first training lies before it.
    """

    name: str
    section: str
    is_second: bool

    def own(self, settings: L2GSettings) -> PartConfig:
        config: PartConfig = getattr(settings, self.section)
        return config

    def first_epoch(self, settings: L2GSettings) -> int:
        return settings.base_training.epochs if self.is_second else 0

    def last_epoch(self, settings: L2GSettings) -> int:
        return self.first_epoch(settings) + self.own(settings).epochs - 1

    def engine(self, settings: L2GSettings, n_images: int) -> EngineConfig:
        """The engine's settings with the steps of this training."""
        engine = settings.engine
        steps = self.own(settings).epochs * optimizer.steps_per_epoch(n_images, engine)
        return dataclasses.replace(engine, max_steps=min(steps, engine.max_steps))

    def optimizer(self, settings: L2GSettings, pair: nn.Module) -> torch.optim.Optimizer:
        config = settings.optimizer
        rate = self.own(settings).rate or config.lr
        return optimizer.build_l2g_optimizer(
            optimizer.optimizer_groups(cast(LocalToGlobal, pair), rate, config), config
        )

    def schedule(self, settings: L2GSettings, engine: EngineConfig) -> Schedule:
        """The decay epochs on top of the schedule of the settings, which begins anew in each training."""
        per_epoch = optimizer.steps_per_epoch(listed(settings, dataset_of(settings)), engine)
        steps = optimizer.decay_steps(self.own(settings).decay_epochs, per_epoch, self.first_epoch(settings))
        decay, schedule = (
            step_decay(steps, settings.schedule.gamma),
            build_schedule(settings.schedule, engine.max_steps),
        )
        return lambda step: schedule(step) * decay(step)

    def published_file(self, settings: L2GSettings, layout: DatasetLayout) -> Path:
        """``model/pascal_voc_epoch_9.pth`` after ten epochs."""
        name = f"{PREFIXES.get(layout.name, layout.name)}_epoch_{self.last_epoch(settings)}.pth"
        return Path(settings.out) / "model" / name

    def published_content(self, settings: L2GSettings, pair: nn.Module, engine: EngineConfig) -> Mapping[str, Any]:
        return network.published_content(cast(LocalToGlobal, pair), self.last_epoch(settings), engine.end_step)

    def training(self, **slots: Any) -> Training:
        """The training; ``slots`` fill those in which the two differ."""
        return Training(
            name=self.name,
            network=lambda settings, layout: network.build_pair(settings.backbone, layout.n_classes),
            step=l2g_step,
            n_samples=listed,
            optimizer=self.optimizer,
            schedule=self.schedule,
            engine=self.engine,
            collate=lambda settings: collate,
            prepare=fold_what_is_frozen,
            published=Published(
                path=self.published_file,
                content=self.published_content,
                network=lambda settings, layout: network.build_l2g(settings.backbone, layout.n_classes),
                load=network.load_published,
            ),
            folder=inside(self.name),
            **slots,
        )


BANK = Files(
    name="bank",
    names=lambda settings, layout: bank.names_of_objects(layout, settings.bank, layout.ids(settings.split)),
    make=lambda settings, layout: bank.ObjectReader(layout, settings.bank),
    write=write_foreground,
    suffix=bank.SUFFIX,
    decides=lambda settings, layout: bank.sources_record(layout, settings.bank),
    clear=lambda settings: bank.remove_bank(Path(settings.cda.bank)),
    finish=lambda settings, layout, names: bank.write_index(Path(settings.cda.bank), names, layout.classes),
    folder=lambda settings: Path(settings.cda.bank),
    in_chain=lambda settings: settings.pasting.epochs > 0 and bool(settings.bank.sources),
    text="cut out the objects that the second training pastes",
)
FIRST = Part("base", "base_training", is_second=False).training(
    data=plain_views, decides=DECIDES, text="the first training, without pasting"
)
SECOND = Part("pasting", "pasting", is_second=True).training(
    data=pasted_views,
    after=FIRST,
    decides=(*DECIDES, "cda", "pasting"),
    in_chain=lambda settings: settings.pasting.epochs > 0,
    text="the second training, with objects of the bank pasted in",
)


def maps_of(
    inference: type[maps.ScoreInference], settings: L2GSettings, trained: nn.Module, device: torch.device
) -> Compute:
    """The maps of the global network, as scores or as probabilities."""
    wanted = (
        trained if settings.cam.values == "scores" else network.ClassProbabilities(cast(L2GNetwork, trained)).eval()
    )
    return inference(wanted, settings.cam, device)


def l2g_maps(inference: type[maps.ScoreInference], **slots: Any) -> Maps:
    """Maps of the last training's global network; ``slots`` fill those in which the two kinds differ."""
    return Maps(
        training=SECOND,
        checkpoint=lambda settings: settings.cam.network,
        load=lambda settings, images: PyramidLoader(images, settings.cam, normaliser(settings.views.normalisation)),
        compute=partial(maps_of, inference),
        decides=lambda settings: {"normalisation": settings.views.normalisation},
        **slots,
    )


def published_pngs(settings: L2GSettings) -> Write:
    return maps.AttentionWriter(Path(settings.out), ATTENTION.folder(settings), settings.cam.png_threshold)


def irn_files(settings: L2GSettings) -> Write:
    out = Path(settings.out)
    return lambda path, found: maps.write_irn(
        out / maps.IRN_FOLDER / path.relative_to(out / maps.AFFINITY_FOLDER), found
    )


ATTENTION = l2g_maps(maps.AttentionInference, write=maps.write_attention, beside=published_pngs, text="attention maps")
RANDOM_WALK = l2g_maps(
    maps.RandomWalkInference,
    name="random_walk",
    write=maps.write_affinity,
    beside=irn_files,
    suffix=".npy",
    folder=inside(maps.AFFINITY_FOLDER),
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


def reader_of_attention(settings: L2GSettings) -> ReadMaps:
    return ReadMaps(ATTENTION.folder(settings), ATTENTION.suffix, maps.byte_shares)


PICTURES_OF_ATTENTION = Files(
    name="res",
    names=lambda settings, layout: maps.picture_names(layout, layout.ids(settings.split), ATTENTION.folder(settings)),
    make=lambda settings, layout: maps.AttentionPicture(layout, reader_of_attention(settings)),
    write=maps.write_png,
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
    placement = pasted_views(settings, layout, lazily=True).drawn(sample, SampleKey(0, pictured.position))
    if placement is not None:
        image, saliency = paste(sample["image"], sample["saliency"], placement, settings.cda.channels)
        yield Panel("pasted", image)
        yield Panel("pasted, saliency", saliency)


METHOD = Method(
    name="l2g_cda",
    settings=L2GSettings,
    stages=(
        *(BANK, FIRST, SECOND, ATTENTION, PSEUDO_LABELS),
        Score(labels=PSEUDO_LABELS, text="score the pseudo labels against the masks of the list"),
        *(RANDOM_WALK, PICTURES_OF_ATTENTION),
    ),
    aliases=ALIASES,
    panels=pasted_panels,
    variants=ABLATION,
    bench=StepBench(
        published=published_form,
        batch=lambda settings, n_classes: noise_batch(settings.views, settings.engine.batch_size, n_classes),
    ),
    environment={"EXP": "--experiment_name"},
    configs=(CONFIGS / "voc.yaml", CONFIGS / "toy.yaml"),
    home=CONFIGS.parents[1],
)


def main_of(stage: str) -> Callable[..., int]:
    """``main`` of the paper's program that is one stage."""
    program = dataclasses.replace(METHOD, flags=PROGRAM_FLAGS.get(stage, ()))
    return lambda argv=None: run_entry(program, (stage,), with_runs(argv))
