"""The base labels as stages: Puzzle-CAM's classifier, class maps, confident labels, AffinityNet, random walk, label maps, score.

Outputs of a run: ``cams/<id>.npy`` (the published form: keys, cam, hr_cam), ``confident_labels/<id>.png``, ``random_walk/<id>.npz``,
``base_labels/<id>.png``, and the trained networks by their published names in ``models``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from common.cam.random_walk_maps import RandomWalkMapInference, write_affinity
from common.config import config_to_dict
from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.engine.optimizer import OptimizerConfig, optimizer_by_rules, weights_and_biases_rules
from common.engine.schedules import Schedule, ScheduleConfig, build_schedule, decay_steps
from common.engine.settings import FREE_TO_CHANGE, EngineConfig
from common.errors import ConfigError
from common.method.expected import count_classes
from common.method.label_maker import Need
from common.method.labels import Labels, Score
from common.method.maps import Maps
from common.method.published import Published
from common.method.stage import dataset_of, inside
from common.method.steps import noise_with_labels, noise_with_tags
from common.method.training import SECTIONS, Training, fold_if_frozen
from common.models.backbones import build_backbone
from common.models.frozen import fold_frozen_batchnorm
from common.models.weights import load_weights, read_state_dict
from common.paths import path_of_id
from common.pseudo_labels.rule import CamRule, LabelRule
from common.report.record import describe_crf
from sod_wsss.affinity import AffinityNet, AffinityStep
from sod_wsss.label_rules import LABEL_CRF, ConfidentLabels
from sod_wsss.puzzle import EDGE_STRIDE, BaseInput, PuzzleClassifier, PuzzleStep
from sod_wsss.random_walk import WalkInference, WalkLoader
from sod_wsss.settings import BaseSettings

# The published networks hold their backbone several times, by these names besides "model".
COPIES = re.compile(r"^(.*\.)?(stage\d|backbone\.\d+|edge_layers)\.")
OF_MODEL = re.compile(r"(^|\.)model\.")
EDGE_BRANCH = re.compile(r"^fc_edge([1-5])\.")
# Published beginning of a name -> ours.
BEGINNINGS = {"model.": "backbone.", "classifier.": "head.", "fc_edge6.": "edge_last."}


def name_of_ours(published: str) -> str:
    """``backbone.conv1.0.weight`` for ``model.conv1.0.weight``; names of this toolbox stay."""
    branch = EDGE_BRANCH.match(published)
    if branch:
        return f"edge_branches.{int(branch[1]) - 1}.{published[branch.end() :]}"
    found = next((begin for begin in BEGINNINGS if published.startswith(begin)), "")
    return BEGINNINGS[found] + published.removeprefix(found) if found else published


def name_published(ours: str) -> str:
    """The inverse of :func:`name_of_ours`."""
    if ours.startswith("edge_branches."):
        _, number, rest = ours.split(".", 2)
        return f"fc_edge{int(number) + 1}.{rest}"
    found = next((begin for begin, own in BEGINNINGS.items() if ours.startswith(own)), "")
    return found + ours.removeprefix(BEGINNINGS[found]) if found else ours


def published_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a classifier or an AffinityNet by their published names, each once."""
    return {name_published(name): tensor for name, tensor in network.state_dict().items()}


def without_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by published names without the further names of the backbone's."""
    is_published = any(OF_MODEL.search(name) for name in state)
    return {name: tensor for name, tensor in state.items() if not (is_published and COPIES.match(name))}


def load_base_network(network: nn.Module, path: Path) -> None:
    """Load a trained classifier or AffinityNet, of Puzzle-CAM's programs or of this toolbox.

    Raises:
        CheckpointError: the file is of another network.
    """
    load_weights(network, without_copies(read_state_dict(path, network)), source=str(path), rename=name_of_ours)


IMAGE: tuple[Need, ...] = ("image",)


def rates_of_groups(head: str, optimizer: OptimizerConfig, network: nn.Module) -> Any:
    """The optimiser of a section over weights and biases; ``head`` begins the names of the layers that are not pretrained."""
    return optimizer_by_rules(optimizer, network, weights_and_biases_rules(f"^{head}", optimizer.head_lr_multiplier))


def schedule_of_section(
    schedule: ScheduleConfig, decay_epochs: list[int], settings: BaseSettings, engine: EngineConfig
) -> Schedule:
    """A section's decay epochs on top of its schedule."""
    per_epoch = engine.steps_per_epoch(len(dataset_of(settings).ids(settings.split)))
    return build_schedule(schedule, engine.max_steps, decay_steps(decay_epochs, per_epoch))


def published_at(name: str) -> Any:
    """(settings, dataset) -> ``<out>/models/<name>.pth``."""
    return lambda settings, layout: Path(settings.out) / "models" / f"{name}.pth"


def number_of_images(settings: BaseSettings, layout: DatasetLayout) -> int:
    return len(layout.ids(settings.split))


# --- The classifier and its maps. ---


def images_for_puzzle(settings: BaseSettings, layout: DatasetLayout) -> SeededDataset:
    square, images = settings.square, ListedImages(layout, layout.ids(settings.split), parts={"tags"})
    transform = BaseInput(square.crop_size, square.long_sides, square.jitter, square.rand_augment)
    return SeededDataset(images, transform, settings.engine.seed)


PUZZLE = Training(
    text="train Puzzle-CAM's classifier: tags, and maps of an image that agree with those of its pieces",
    network=lambda settings, layout: PuzzleClassifier(
        build_backbone(settings.backbone), layout.n_classes, settings.puzzle.per_side
    ),
    step=lambda settings, network: PuzzleStep(settings.puzzle),
    data=images_for_puzzle,
    n_samples=number_of_images,
    optimizer=lambda settings, network: rates_of_groups("head", settings.optimizer, network),
    schedule=lambda settings, engine: schedule_of_section(
        settings.schedule, settings.training.decay_epochs, settings, engine
    ),
    engine=lambda settings, n_images: settings.engine.over_epochs(settings.training.epochs, n_images),
    prepare=fold_if_frozen,
    noise=lambda settings, n: noise_with_tags(settings.engine.batch_size, settings.square.crop_size, n),
    decides=(*SECTIONS, "square", "puzzle", "training"),
    published=Published(
        published_at("classifier"),
        content=lambda settings, network, engine: published_tensors(network),
        load=lambda settings, network, path: load_base_network(network, path),
        given=lambda settings: settings.checkpoint,
    ),
)
CLASS_MAPS = Maps(
    training=PUZZLE,
    text="class maps of the tagged classes, at a quarter of the images' sizes and at their own",
    compute=lambda settings, network, device: RandomWalkMapInference(network, settings.cam, device),
    write=write_affinity,
    suffix=".npy",
)


# --- Confident labels and AffinityNet. ---


CONFIDENT = Labels(
    name="confident",
    text="labels of the pixels that are foreground or background for sure, for AffinityNet",
    maps=CLASS_MAPS,
    rule=lambda settings, layout: ConfidentLabels(settings.affinity.sure_foreground, settings.affinity.sure_background),
    needs=lambda settings: IMAGE,
    decides=lambda settings: {
        "sure_foreground": settings.affinity.sure_foreground,
        "sure_background": settings.affinity.sure_background,
    },
    row=lambda settings: "confident labels",
    column=lambda settings: "confident label",
    threshold=lambda settings: settings.affinity.sure_foreground,
    crf=lambda settings: describe_crf("label", LABEL_CRF),
    sweeps=lambda settings: False,
    uses_saliency=lambda settings: False,
    folder=inside("confident_labels"),
)


def label_map_file(folder: Path, image_id: str) -> Path:
    return path_of_id(folder, image_id, ".png")


def images_with_confident_labels(settings: BaseSettings, layout: DatasetLayout) -> SeededDataset:
    """Images with the confident labels.

    Raises:
        DataError: there are none.
        ConfigError: they were made with other settings.
    """
    made, wanted = CONFIDENT.made(settings).get("rule"), CONFIDENT.decides(settings)
    if made != wanted:
        raise ConfigError(
            f"the confident labels in {CONFIDENT.folder(settings)} were made with other settings ({made}, not {wanted}); give the "
            "same, or make them again with --force"
        )
    where = partial(label_map_file, CONFIDENT.folder(settings))
    images = ListedImages(layout, layout.ids(settings.split), parts={"mask"}, mask_path=where)
    transform = BaseInput(settings.square.crop_size, settings.square.long_sides)
    return SeededDataset(images, transform, settings.engine.seed)


def affinity_engine(settings: BaseSettings, n_images: int) -> EngineConfig:
    """The section's own engine over its epochs, on the device of the others."""
    engine: EngineConfig = settings.affinity.engine
    return engine.over_epochs(settings.affinity.epochs, n_images).beside(settings.engine)


def affinity_step(settings: BaseSettings, network: nn.Module) -> AffinityStep:
    return AffinityStep(settings.affinity.radius, (count_classes(settings.data) or dataset_of(settings).n_classes) + 1)


def fold_backbone(settings: BaseSettings, network: nn.Module) -> None:
    """Fold the backbone's BatchNorm layers into their convolutions: nothing of it learns."""
    fold_frozen_batchnorm(network)


AFFINITY = Training(
    name="affinity",
    text="train AffinityNet on the confident labels",
    network=lambda settings, layout: AffinityNet(build_backbone(settings.backbone)),
    step=affinity_step,
    data=images_with_confident_labels,
    n_samples=number_of_images,
    optimizer=lambda settings, network: rates_of_groups("edge_", settings.affinity.optimizer, network),
    schedule=lambda settings, engine: schedule_of_section(
        settings.affinity.schedule, settings.affinity.decay_epochs, settings, engine
    ),
    engine=affinity_engine,
    prepare=fold_backbone,
    noise=lambda settings, n: noise_with_labels(
        settings.engine.batch_size, settings.square.crop_size, n + 1, EDGE_STRIDE
    ),
    decides=("data", "split", "backbone", "square", "affinity", "engine.seed"),
    free={f"affinity.{name}" for name in FREE_TO_CHANGE},
    taught_by=(PUZZLE,),
    learns_from=lambda settings: [CONFIDENT.folder(settings)],
    published=Published(
        published_at("affinitynet"),
        content=lambda settings, network, engine: published_tensors(network),
        load=lambda settings, network, path: load_base_network(network, path),
        given=lambda settings: settings.walk.edge_network,
    ),
    folder=inside("affinity"),
)


# --- The random walk and the labels. ---


def decides_walk(settings: BaseSettings) -> dict[str, Any]:
    walk = {name: value for name, value in config_to_dict(settings.walk).items() if name != "batch_size"}
    return {"walk": walk, "class_maps": CLASS_MAPS.made(settings)}


WALK = Maps(
    name="walk",
    text="the class maps after a random walk up to AffinityNet's edges",
    training=AFFINITY,
    checkpoint=lambda settings: settings.walk.edge_network,
    load=lambda settings, images: WalkLoader(images, CLASS_MAPS.folder(settings), settings.walk.padded_side),
    compute=lambda settings, network, device: WalkInference(network, settings.walk, device),
    decides=decides_walk,
    batch_size=lambda settings: settings.walk.batch_size,
    folder=inside("random_walk"),
)


def base_rule(settings: BaseSettings, layout: DatasetLayout) -> LabelRule:
    return CamRule(settings.labels, layout.n_classes + 1, settings.labels.crf_iterations)


def base_row(settings: BaseSettings) -> str:
    classifier = "Puzzle-CAM" if settings.puzzle.pieces > 1 else "CAM"
    return settings.report.method or f"{classifier}, AffinityNet"


BASE_STAGE = Labels(
    maps=WALK,
    text="base labels, from the maps after the random walk",
    rule=base_rule,
    row=base_row,
    crf=lambda settings: settings.labels.crf_in_words,
    folder=inside("base_labels"),
)
BASE_SCORE = Score(name="base_score", labels=BASE_STAGE, text="score the base labels against the masks of the list")
BASE_STAGES = (PUZZLE, CLASS_MAPS, CONFIDENT, AFFINITY, WALK, BASE_STAGE)
