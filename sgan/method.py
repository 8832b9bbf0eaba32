"""SGAN: the training, its maps, seeds and label maps, and the stages that make what it starts from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.config import config_to_dict
from common.config_files import read_settings
from common.data.dataset import ListedImages, Part
from common.data.images import read_label_map
from common.data.layout import DatasetLayout, open_layout
from common.data.mask_sets import readable_masks, require_a_class
from common.data.saliency_levels import stated_storage
from common.data.sampling import SeededDataset
from common.engine.optimizer import build_optimizer
from common.method.label_defaults import no_masks
from common.method.label_sets import LabelSet
from common.method.labels import Labels, Score
from common.method.maps import GivenMaps, Maps, Write, write_single_precision
from common.method.method import Method, Variant
from common.method.other_run import InitialWeights, OtherRun, arguments_of_classifier
from common.method.pictures import Pictured
from common.method.published import Published
from common.method.requirements import required_if
from common.method.stage import dataset_of
from common.method.steps import StepBench
from common.method.training import SECTIONS, Training
from common.models.weights import load_weights, read_state_dict
from common.report.html import Panel
from common.visual.overlay import label_overlay
from sgan.backbone import VGG_BLOCKS, sgan_backbone
from sgan.dataset import initial_seed_folder, map_loader, masked_ids, seed_file
from sgan.labels import LABELS_ENDING, SeedRule, write_seed
from sgan.network import SGAN, tagged_maps
from sgan.panels import network_panels
from sgan.sample import SganInput, repeated
from sgan.settings import SGAN_KEYS, SeedRuleConfig, SganSettings, sgan_on_photographs
from sgan.training import noise_batch, published_form, sgan_groups, sgan_step

HOME = Path(__file__).parent
# What decides the network besides the shared sections.
OF_NETWORK = ("use_sal", "sal_thresh", "image_side", "mean", "std", "self_attention", "normaliser")
OF_TRAINING = ("seed_subdir", "seed_loss_ratio", "semi")
# Label maps without unlabelled pixels.
DENSE = read_settings(HOME / "config" / "dense.yml", SGAN_KEYS)


def network_of(settings: SganSettings, layout: DatasetLayout) -> SGAN:
    backbone = sgan_backbone(settings.backbone)
    network = SGAN(backbone, layout.n_classes, settings.backbone.width, settings.normaliser)
    network.gamma.requires_grad_(settings.self_attention)
    return network


def sgan_input(settings: SganSettings) -> SganInput:
    """How samples become the network's input."""
    colours, stride = (settings.mean, settings.std), settings.backbone.output_stride
    return SganInput(settings.image_side, *colours, settings.sal_thresh, settings.use_sal, stride)


def sgan_data(settings: SganSettings, layout: DatasetLayout) -> SeededDataset:
    """Samples of the sorted list, repeated to cover all steps."""
    parts: set[Part] = {"tags", "mask", "saliency"} if settings.use_sal else {"tags", "mask"}
    folder = initial_seed_folder(settings.data.root, settings.seed_subdir)
    ids = repeated(sorted(layout.ids(settings.split)), settings.engine.max_steps * settings.engine.batch_size)
    masked = masked_ids(settings.semi, layout)
    require_a_class(readable_masks(sorted(masked), layout.mask_path), layout.n_classes + 1, str(layout.masks))
    masks = partial(seed_file, folder, layout, masked)
    return SeededDataset(ListedImages(layout, ids, parts, masks), sgan_input(settings), settings.engine.seed)


def optimizer_of(settings: SganSettings, network: nn.Module) -> torch.optim.Optimizer:
    own = settings.optimizer
    groups = sgan_groups(network, own.lr, own.weight_decay, own.head_lr_multiplier, own.decay_vectors)
    return build_optimizer(own, groups)


def training_folder(settings: SganSettings) -> Path:
    return Path(settings.out, settings.save_model_path, settings.name)


def load_trained(settings: SganSettings, network: nn.Module, path: Path) -> None:
    """Our own tensors, those of the published ``model_iter_8000.pth``, or of its older form without ``backbone.``."""
    old = {block: f"backbone.{block}" for block in VGG_BLOCKS}
    load_weights(network, read_state_dict(path, network), source=str(path), rename=old)


def map_decisions(settings: SganSettings) -> dict[str, Any]:
    """What the maps depend on besides network and images."""
    values = config_to_dict(settings)
    stored = stated_storage(dataset_of(settings).saliency_top) if settings.use_sal else {}
    return {"saliency": settings.data.saliency, **stored, **{name: values[name] for name in OF_NETWORK}}


def of_background(settings: SganSettings) -> DatasetLayout:
    """The dataset with the saliency maps that decide the background."""
    return open_layout(dataclasses.replace(settings.data, saliency=settings.sdnet_path or settings.data.saliency))


def decisions_of(rule: SeedRuleConfig, sal_thresh: float) -> dict[str, Any]:
    """Everything of a rule that the seeds depend on."""
    values = config_to_dict(rule)
    return {"sal_thresh": sal_thresh} | {name: values[name] for name in vars(SeedRuleConfig())}


def seed_column(settings: SganSettings) -> str:
    """Seeds leave pixels open, which count as missed; dense label maps and those of the harmonic rule do not."""
    return "seed" if settings.labels.fill == "none" and settings.labels.rule == "sec" else "pseudo label"


def seed_label_folder(settings: SganSettings) -> Path:
    return settings.result(settings.test_cfg, LABELS_ENDING)


def initial_seed_labels(settings: SganSettings) -> Path:
    seeds = initial_seed_folder(settings.data.root, settings.seed_subdir)
    return seeds.with_name(seeds.name + LABELS_ENDING)


def seed_files(folder: Callable[[SganSettings], Path], settings: SganSettings) -> Write:
    """Writer of the seeds in the paper's form that belong to a folder of label maps."""
    return partial(write_seed, folder(settings), of_background(settings).n_classes, settings.force)


def classifier_arguments(settings: SganSettings) -> list[str]:
    """Configuration and flags of the classifier that SGAN starts from, where no other command makes it."""
    return arguments_of_classifier(settings, settings.stage0.config, settings.stage0.classifier)


def label_sets(settings: SganSettings) -> Sequence[LabelSet]:
    """Seeds; the same for DSRG's recipe; dense label maps where the chain wants them."""
    chain = settings.chain
    dsrg = [LabelSet(segmentation=chain.dsrg, suffix=" (DSRG recipe)")] if chain.dsrg else []
    return [LabelSet(segmented=not chain.dense), *dsrg, *([LabelSet(DENSE)] if chain.dense else [])]


def sgan_panels(settings: SganSettings, layout: DatasetLayout, pictured: Pictured) -> Iterator[Panel]:
    network, _ = SGAN_TRAINING.trained(settings, layout, settings.checkpoint)
    sample = sgan_input(settings).convert(pictured.sample)
    yield from network_panels(network, pictured.sample["image"], sample, pictured.cams, layout.classes)
    initial = initial_seed_labels(settings) / f"{pictured.sample['id']}.png"
    if initial.is_file():
        yield Panel("initial seed", label_overlay(pictured.sample["image"], read_label_map(initial)))


STAGE0_CLASSIFIER = OtherRun(
    name="classifier",
    text="train the classifier that SGAN starts from, and its CAMs",
    arguments=classifier_arguments,
    makes=lambda settings: [Path(settings.stage0.classifier, "cams")],
)
INITIAL_WEIGHTS = InitialWeights(
    name="make_init",
    text="initial weights from the classifier",
    path=lambda settings: settings.backbone.weights,
    source=lambda settings: settings.stage0.classifier,
    # The classifier's backbone under the names of the published file.
    tensors=lambda settings, layout, checkpoint: sgan_backbone(
        dataclasses.replace(settings.backbone, weights=str(checkpoint))
    ).state_dict(),
)
SGAN_TRAINING = Training(
    text="train the attention network on tags, saliency and initial seeds",
    network=network_of,
    step=lambda settings, network: partial(sgan_step, settings.seed_loss_ratio),
    data=sgan_data,
    optimizer=optimizer_of,
    learns_from=lambda settings: [folder for folder in [initial_seed_labels(settings)] if folder.is_dir()],
    requires=lambda settings: required_if(settings.use_sal, dataset_of(settings)),
    decides=(*SECTIONS, *OF_NETWORK, *OF_TRAINING),
    # The network's tensors alone, in the published place.
    published=Published(
        path=lambda settings, layout: training_folder(settings) / f"model_iter_{settings.engine.max_steps}.pth",
        load=load_trained,
    ),
    folder=training_folder,
)
SGAN_MAPS = Maps(
    training=SGAN_TRAINING,
    text="the maps of the tagged classes of every image of the list",
    batch_size=lambda settings: 8,
    load=lambda settings, images: map_loader(images, sgan_input(settings)),
    compute=lambda settings, network, device: partial(tagged_maps, network.to(device), settings.cam.combine, device),
    write=write_single_precision,
    any_sign=True,
    decides=map_decisions,
    folder=lambda settings: settings.result("_cams" if settings.cam.combine else "_class_maps"),
)
SEED_LABELS = Labels(
    maps=SGAN_MAPS,
    text="seeds in the paper's form, and label maps from them",
    layout=of_background,
    rule=lambda settings, layout: SeedRule(settings.labels, layout.classes, settings.sal_thresh),
    needs=lambda settings: ("image", "saliency"),
    decides=lambda settings: decisions_of(settings.labels, settings.sal_thresh),
    masked=lambda settings, layout: masked_ids(settings.semi, layout),
    beside=partial(seed_files, seed_label_folder),
    row=lambda settings: settings.report.method + settings.semi.description,
    column=seed_column,
    threshold=lambda settings: settings.labels.cam_thresh,
    crf=lambda settings: "none",
    sweeps=lambda settings: False,
    uses_saliency=lambda settings: True,
    folder=seed_label_folder,
    report_folder=lambda settings: settings.result(settings.test_cfg, "_report"),
)
INITIAL_SEEDS = dataclasses.replace(
    SEED_LABELS,
    name="make_seeds",
    text="initial seeds from the classifier's CAMs and saliency",
    maps=GivenMaps(folder=lambda settings: Path(settings.stage0.cams or Path(settings.stage0.classifier, "cams"))),
    rule=lambda settings, layout: SeedRule(settings.stage0, layout.classes, settings.sal_thresh),
    decides=lambda settings: decisions_of(settings.stage0, settings.sal_thresh),
    masked=no_masks,
    beside=partial(seed_files, initial_seed_labels),
    row=lambda settings: "initial seeds",
    column=lambda settings: "seed",
    threshold=lambda settings: settings.stage0.cam_thresh,
    uses_saliency=lambda settings: False,
    folder=initial_seed_labels,
)
METHOD = Method(
    "sgan",
    SganSettings,
    (
        STAGE0_CLASSIFIER,
        INITIAL_WEIGHTS,
        INITIAL_SEEDS,
        SGAN_TRAINING,
        SGAN_MAPS,
        SEED_LABELS,
        Score(labels=SEED_LABELS, text="score the label maps"),
    ),
    aliases=SGAN_KEYS,
    label_sets=label_sets,
    panels=sgan_panels,
    variants={
        "full": Variant("SGAN"),
        "no_attention": Variant("SGAN without attention", {"self_attention": False}),
        "every_position": Variant("SGAN, attention without saliency", {"use_sal": False}),
        "no_seed_loss": Variant("SGAN without the seed branch", {"seed_loss_ratio": 0.0, "cam.combine": False}),
        "class_maps": Variant("SGAN, class maps alone", {"cam.combine": False}, network_of="full"),
        "published_painting": Variant(
            "SGAN, smaller regions last", {"labels.overruled": ["boat", "train"]}, network_of="full"
        ),
    },
    bench=StepBench(
        published=published_form,
        batch=lambda settings, n_classes: noise_batch(
            settings.engine.batch_size, settings.image_side, settings.backbone.output_stride, n_classes
        ),
    ),
    outputs=lambda settings, folder: {"out": str(folder), "save_model_path": "model", "res_path": "result"},
    photographs=sgan_on_photographs,
    configs=(HOME / "config" / "sgan_vgg16_321x321.yml", HOME / "config" / "toy.yml"),
    home=HOME,
)
