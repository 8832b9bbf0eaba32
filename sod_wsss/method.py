"""The method as a declaration: saliency network and maps; base labels, or those of any other method; the selector."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.config import config_to_dict
from common.data.images import read_label_map
from common.data.layout import DatasetLayout
from common.method.amount import Amount
from common.method.given_labels import LabelsOrGiven, MapsBehind
from common.method.label_maker import Need
from common.method.label_sets import LabelSet
from common.method.labels import Labels, Score
from common.method.maps import TagsAlone
from common.method.method import Method
from common.method.pictures import Pictured, map_overlay, one_class_and_most
from common.method.stage import dataset_of
from common.method.steps import StepBench
from common.paths import path_of_id
from common.pseudo_labels.rule import LabelRule
from common.report.html import Panel
from common.report.results import NONE
from sod_wsss.base_stages import BASE_SCORE, BASE_STAGE, BASE_STAGES, WALK, base_row
from sod_wsss.bench import noise_with_masks, saliency_as_published
from sod_wsss.label_rules import SalientSelector
from sod_wsss.panels import selection_panels
from sod_wsss.saliency_stages import SALIENCY, SOD
from sod_wsss.settings import HERE, SOD_FLAGS, SOD_ROWS, SOD_WSSS_CONFIGS, SodWsssSettings

NEEDED: tuple[Need, ...] = ("saliency",)
BASE_LABELS = LabelsOrGiven(labels=BASE_STAGE, given=lambda settings: settings.select.labels)


def makes_labels(settings: SodWsssSettings) -> bool:
    """Whether the base labels are the method's own."""
    return not settings.select.labels


def makes_saliency(settings: SodWsssSettings) -> bool:
    """Whether the method makes its own saliency maps; else those of the dataset are taken."""
    return bool(settings.sod.train_root or settings.sod.given_network)


def dataset_with_saliency(settings: SodWsssSettings) -> DatasetLayout:
    return SALIENCY.dataset(settings) if makes_saliency(settings) else dataset_of(settings)


def selects(settings: SodWsssSettings) -> bool:
    """Whether any label may be replaced."""
    return settings.select.one_threshold != 1


def selected_row(settings: SodWsssSettings) -> str:
    """The row of the selected labels; of base labels as they are their own."""
    named, own = settings.report.method, makes_labels(settings)
    base = base_row(settings) if own else named or BASE_LABELS.label_folder(settings).name
    if not selects(settings):
        return base
    if own:
        return named or "SOD-WSSS"
    return f"{base} + salient objects"


def selected_folder(settings: SodWsssSettings) -> Path:
    alpha = settings.select.one_threshold
    return Path(settings.out) / ("selected" if alpha < 0 else f"selected_alpha_{alpha:g}")


def selection(settings: SodWsssSettings, layout: DatasetLayout) -> LabelRule:
    return SalientSelector(settings.select, layout.classes)


def selected_sets(settings: SodWsssSettings) -> Sequence[LabelSet]:
    """Base labels as they are, and with salient objects, these also for DeepLabv3+."""
    shown = settings.base_rows != "none" and selects(settings)
    base = [LabelSet({"select.one_threshold": 1.0}, segmented=settings.base_rows == "segmented")] if shown else []
    v3plus = [LabelSet(segmentation=settings.v3plus, suffix=", DeepLabv3+")] if settings.v3plus else []
    return (*base, LabelSet(), *v3plus)


SELECT = Labels(
    name="select",
    text="put salient objects into pseudo labels: the method's base labels, or any other's (--select.labels)",
    maps=TagsAlone(maps=MapsBehind(source=BASE_LABELS)),
    starts_from=(BASE_LABELS,),
    layout=dataset_with_saliency,
    rule=selection,
    needs=lambda settings: NEEDED if selects(settings) else (),
    decides=lambda settings: config_to_dict(settings.select),
    row=selected_row,
    column=lambda settings: "pseudo label" if BASE_LABELS.crf(settings) == NONE else "pseudo label + CRF",
    threshold=lambda settings: None,
    crf=BASE_LABELS.crf,
    sweeps=lambda settings: False,
    uses_saliency=selects,
    folder=selected_folder,
)


def pictured_selection(settings: SodWsssSettings, layout: DatasetLayout, pictured: Pictured) -> Iterator[Panel]:
    """The maps behind the method's own base labels; saliency beside the base label, and what the selector makes of it."""
    sample = pictured.sample
    if makes_labels(settings):
        keys, maps = WALK.read(settings, sample["id"])
        for key, heat in zip(keys, maps, strict=True):
            yield Panel(f"CAM: {layout.classes[key]}", map_overlay(sample["image"], heat))
    label_map = read_label_map(path_of_id(BASE_LABELS.label_folder(settings), sample["id"], ".png"))
    classes = [int(key) + 1 for key in pictured.cams.keys]
    yield from selection_panels(
        sample["image"], sample["saliency"], label_map, classes, layout.classes, settings.select
    )


def sod_wsss_on_photographs(settings: SodWsssSettings, amount: Amount) -> dict[str, Any]:
    """The classifier takes all passes, AffinityNet half of them; the saliency network is trained on other images."""
    training = amount.epochs(settings.engine.batch_size)
    return {"training.epochs": training, "affinity.epochs": amount.epochs(settings.affinity.engine.batch_size, 1 / 2)}


METHOD = Method(
    "sod_wsss",
    SodWsssSettings,
    (
        *(dataclasses.replace(stage, in_chain=makes_saliency) for stage in (SOD, SALIENCY)),
        *(dataclasses.replace(stage, in_chain=makes_labels) for stage in BASE_STAGES),
        BASE_SCORE,
        SELECT,
        Score(labels=SELECT, text="score the pseudo labels against the masks of the list"),
    ),
    label_sets=selected_sets,
    panels=pictured_selection,
    pictured_images=one_class_and_most,
    variants=SOD_ROWS,
    bench=StepBench(
        published=saliency_as_published,
        batch=lambda settings, n_classes: noise_with_masks(settings.engine.batch_size, settings.sod.square_side),
    ),
    photographs=sod_wsss_on_photographs,
    configs=(SOD_WSSS_CONFIGS / "voc.yaml", SOD_WSSS_CONFIGS / "toy.yaml"),
    flags=SOD_FLAGS,
    home=HERE,
)
