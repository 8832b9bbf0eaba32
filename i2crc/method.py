"""I2CRC as a declaration: one training, attention maps, labels; the second round is the chain's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from common.cam.attention_files import write_attention_pngs
from common.cam.files import Cams
from common.config import config_to_dict
from common.data.dataset import ListedImages, with_saliency
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.engine.optimizer import optimizer_by_rules
from common.engine.schedules import Schedule, build_schedule, decay_steps
from common.engine.session import choose_device
from common.engine.settings import EngineConfig
from common.method.amount import Amount
from common.method.label_maker import Need
from common.method.labels import Labels, Score
from common.method.maps import TAGS, Maps, Write
from common.method.method import Method
from common.method.pictures import Pictured
from common.method.published import Published, epoch_file
from common.method.stage import dataset_of
from common.method.steps import StepBench
from common.method.training import SECTIONS, Training, fold_if_frozen
from common.pseudo_labels.rule import LabelRule
from common.report.html import Panel
from common.report.results import NONE
from i2crc.attention import AttentionMaps
from i2crc.bench import noise_with_objects, relations_as_published
from i2crc.labels import InitialLabels
from i2crc.losses import RelationStep
from i2crc.network import build_classifier, classifier_content, group_rules, load_classifier
from i2crc.panels import relation_panels
from i2crc.samples import SquareInput, SquareLoader
from i2crc.settings import CLASSIFICATION, I2CRC_CONFIGS, I2CRC_FLAGS, I2CRC_KEYS, I2CRC_ROWS, I2crcSettings


def squared_images(settings: I2crcSettings, layout: DatasetLayout) -> SeededDataset:
    """Images with tags, and with saliency maps where a distance is trained."""
    ids, square = layout.ids(settings.split), settings.square
    images = with_saliency(layout, ids) if settings.relation.is_used else ListedImages(layout, ids, TAGS)
    transform = SquareInput(square.side, square.jitter, square.normalisation, square.mirror)
    return SeededDataset(images, transform, settings.engine.seed)


def schedule_of_epochs(settings: I2crcSettings, engine: EngineConfig) -> Schedule:
    """The decay epochs on top of the schedule of the settings."""
    per_epoch = engine.steps_per_epoch(len(dataset_of(settings).ids(settings.split)))
    return build_schedule(settings.schedule, engine.max_steps, decay_steps(settings.training.decay_epochs, per_epoch))


def published_file(settings: I2crcSettings, layout: DatasetLayout) -> Path:
    """``model/pascal_voc_epoch_29.pth`` after 30 epochs."""
    return epoch_file(Path(settings.out), layout, settings.training.epochs - 1)


def content_of(settings: I2crcSettings, network: nn.Module, engine: EngineConfig) -> Mapping[str, Any]:
    return classifier_content(network, settings.training.epochs - 1, engine.end_step)


CLASSIFIER = Training(
    text="train the classifier: tags, and the distances within and between classes under saliency",
    network=lambda settings, layout: build_classifier(settings.backbone, layout.n_classes),
    step=lambda settings, network: RelationStep(settings.relation),
    data=squared_images,
    n_samples=lambda settings, layout: len(layout.ids(settings.split)),
    engine=lambda settings, n_images: settings.engine.over_epochs(settings.training.epochs, n_images),
    optimizer=lambda settings, network: optimizer_by_rules(
        settings.optimizer, network, group_rules(settings.optimizer.head_lr_multiplier)
    ),
    schedule=schedule_of_epochs,
    prepare=fold_if_frozen,
    decides=(*SECTIONS, "square", "relation", "training"),
    published=Published(
        published_file, content_of, load=lambda settings, network, path: load_classifier(network, path)
    ),
)


def i2crc_on_photographs(settings: I2crcSettings, amount: Amount) -> dict[str, Any]:
    """The length of the training."""
    epochs = amount.epochs(settings.engine.batch_size)
    return {"training.epochs": epochs, "training.decay_epochs": [max(1, 3 * epochs // 4)]}


def attention_pngs(settings: I2crcSettings) -> Write:
    maps, named = SQUARE_MAPS.folder(settings), settings.places.attention_pngs
    folder = Path(named) if named else Path(settings.out) / "attention"

    def write(path: Path, cams: Cams) -> None:
        write_attention_pngs(folder, path.relative_to(maps).with_suffix("").as_posix(), cams)

    return write


SQUARE_MAPS = Maps(
    training=CLASSIFIER,
    text="attention maps of the tagged classes",
    load=lambda settings, images: SquareLoader(
        images, settings.square.side, settings.cam, settings.square.normalisation
    ),
    compute=lambda settings, network, device: AttentionMaps(network, settings.cam, device),
    beside=attention_pngs,
    decides=lambda settings: {"side": settings.square.side, "normalisation": settings.square.normalisation},
)


NEEDS: tuple[Need, ...] = ("saliency",)


def initial_labels(settings: I2crcSettings, layout: DatasetLayout) -> LabelRule:
    return InitialLabels(settings.labels, settings.cam.eight_bits)


def initial_label_folder(settings: I2crcSettings) -> Path:
    named = settings.places.pseudo_labels
    return Path(named) if named else Path(settings.out) / "pseudo_labels"


LABELS = Labels(
    maps=SQUARE_MAPS,
    text="initial pseudo labels, from attention maps and saliency",
    rule=initial_labels,
    needs=lambda settings: NEEDS,
    decides=lambda settings: config_to_dict(settings.labels),
    row=lambda settings: settings.report.method or "I2CRC",
    column=lambda settings: "pseudo label",
    threshold=lambda settings: settings.labels.least_score,
    crf=lambda settings: NONE,
    sweeps=lambda settings: False,
    uses_saliency=lambda settings: True,
    folder=initial_label_folder,
)


def pictured_relations(settings: I2crcSettings, layout: DatasetLayout, pictured: Pictured) -> Iterator[Panel]:
    """What the paper's figure shows: the scores within and outside of the salient region, and the distances there."""
    device = choose_device(settings.engine.device, 0)
    network, _ = CLASSIFIER.trained(settings, layout, settings.checkpoint)
    square = settings.square
    return relation_panels(network.to(device), pictured.sample, square.side, square.normalisation, layout.classes)


METHOD = Method(
    "i2crc",
    I2crcSettings,
    (CLASSIFIER, SQUARE_MAPS, LABELS, Score(labels=LABELS, text="score the initial pseudo labels")),
    flags=I2CRC_FLAGS,
    aliases=I2CRC_KEYS,
    panels=pictured_relations,
    variants=I2CRC_ROWS,
    bench=StepBench(
        published=relations_as_published,
        batch=lambda settings, n_classes: noise_with_objects(
            settings.engine.batch_size, settings.square.side, n_classes
        ),
    ),
    photographs=i2crc_on_photographs,
    configs=(I2CRC_CONFIGS / "voc.yaml", I2CRC_CONFIGS / "toy.yaml"),
    home=CLASSIFICATION,
)
