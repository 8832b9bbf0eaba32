"""Settings that every method has, under the same names; a method's own come on top in a dataclass that extends these."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from common.bounds import LONGEST_SIDE, bounded, bounded_scales, bounded_side, needed_text, require_bounds
from common.data.layout import DataConfig
from common.engine.optimizer import OptimizerConfig
from common.engine.schedules import ScheduleConfig
from common.engine.settings import EngineConfig
from common.errors import ConfigError, require
from common.models.backbones import BackboneConfig

S = TypeVar("S")
# The folder that holds ``common`` and the methods.
TOP = Path(__file__).resolve().parents[2]


@dataclass
class SquareConfig:
    """The square of an image that a network sees in training.

    Args:
        crop_size: side of the square that is cut out, in pixels.
    """

    crop_size: int = bounded_side(224)


@dataclass
class CropConfig(SquareConfig):
    """What a network sees of an image in training, scaled by a factor.

    Args:
        scales: factors of the image, of which one is drawn.
    """

    scales: list[float] = bounded_scales([])


@dataclass
class LongSidesConfig(SquareConfig):
    """What a network sees of an image in training, resized by its longer side.

    Args:
        long_sides: least and greatest longer side of the resized image, both included.
    """

    long_sides: list[int] = bounded([], least=1, most=LONGEST_SIDE)


@dataclass
class ReportConfig:
    """What results and pictures say about a run.

    Args:
        method: row of the results table; empty for the method's own name.
        saliency_source: which network and data made the saliency maps; part of every result that used them.
        tag_source: which tags are behind a result; empty for what the maps were made with, by file and fingerprint.
        score_classes: names to score; others are ignored in the masks. Empty scores all.
        pictures: images that the report shows.
    """

    method: str = ""
    saliency_source: str = ""
    tag_source: str = ""
    score_classes: list[str] = field(default_factory=list)
    pictures: int = bounded(6, least=0, most=10000)


@dataclass
class ChainConfig:
    """What reproduce runs around the method's own stages.

    Args:
        title: heading of the report; empty for the method's name and dataset.
        description: first paragraph of the report.
        reference: configuration of plain CAM for the reference rows (floor, plain CAM, CAM x saliency, ceiling); empty for
            none.
        reference_out: folder of the reference rows, which all methods of a dataset share.
        segmentation: configuration of DeepLab-v2; empty leaves it out.
        segmentation_out: folder of DeepLab-v2's outputs; empty for ``deeplabv2`` in the run's folder.
        segmentation_name: name of its experiment; empty for that of the folder of label maps.
        segmentation_steps: its optimiser steps; 0 for those of its configuration.
        classifier_steps: optimiser steps of the classifier of plain CAM that a method starts from and makes itself; 0 for those of its
            configuration.
        refine: a second round: label maps from DeepLab-v2's predictions of the training images, and a second DeepLab-v2 on them.
        refined_labels: name of the folder of these label maps, beside the first; empty for the first's name with ``_refined``.
        weights: initial weights of all backbones of the chain that do not start from one of its own networks (a file or
            imagenet); empty for the configurations'.
    """

    title: str = ""
    description: str = ""
    reference: str = ""
    reference_out: str = ""
    segmentation: str = ""
    segmentation_out: str = ""
    segmentation_name: str = ""
    segmentation_steps: int = bounded(0, least=0)
    classifier_steps: int = bounded(0, least=0)
    refine: bool = False
    refined_labels: str = ""
    weights: str = ""


@dataclass
class RunSettings:
    """Settings of everything that trains.

    Args:
        out: folder of the run and of all that is made from it.
        force: redo what is there.
        checkpoint: a trained network to use in place of the one that these settings train.
        data: the dataset.
        engine: how the training runs.
        optimizer: optimiser.
        schedule: learning-rate schedule.
        report: what results and pictures say.
    """

    out: str = needed_text("runs/method")
    force: bool = False
    checkpoint: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    report: ReportConfig = field(default_factory=ReportConfig)


@dataclass
class MethodSettings(RunSettings):
    """Settings of every method; those of every training come first.

    Args:
        split: list of the training images (train or val).
        backbone: feature extractor of the network.
        chain: what reproduce runs around the method's own stages.
    """

    split: Literal["train", "val"] = "train"
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    chain: ChainConfig = field(default_factory=ChainConfig)


@dataclass
class RefinedSettings(MethodSettings):
    """Settings of a method whose label maps are also scored after a CRF.

    Args:
        label_crf: the chain also makes and scores pseudo labels refined by the CRF.
    """

    label_crf: bool = True


@dataclass
class ScoredFiles:
    """What a program that scores files reads and writes.

    Args:
        pred_dir: folder of what is scored.
        save_path: file of the scores.
    """

    pred_dir: str = ""
    save_path: str = ""


def with_values(settings: S, values: Mapping[str, Any]) -> S:
    """A copy with dotted settings changed, checked as if they had been given so.

    Raises:
        ConfigError: there is no such setting, or a value contradicts another.
    """
    changed = copy.deepcopy(settings)
    for name, value in values.items():
        *sections, last = name.split(".")
        holder: Any = changed
        for section in sections:
            holder = getattr(holder, section, None)
        if not hasattr(holder, last):
            raise ConfigError(f"{type(settings).__name__} has no setting {name}")
        setattr(holder, last, value)
    require_bounds(changed)
    return _checked(changed)


def _checked(section: S) -> S:
    """The dataclass and all its sections made anew, so that their own checks run."""
    values = {
        one.name: _checked(value) if dataclasses.is_dataclass(value := getattr(section, one.name)) else value
        for one in dataclasses.fields(section)  # type: ignore[arg-type]
        if one.init
    }
    return type(section)(**values)


def require_long_sides(name: str, sides: Sequence[int]) -> None:
    """Raise :class:`ConfigError` unless a setting is a pair of sides in pixels, the smaller one first."""
    ordered = len(sides) == 2 and 1 <= sides[0] <= sides[-1]
    require(ordered, f"{name} is {list(sides)}; give the least and the greatest longer side in pixels")


def backbone_sections(settings: Any, above: str = "") -> Iterator[tuple[str, BackboneConfig]]:
    """The dotted names of all sections that are a backbone, and these, however deep."""
    for one in dataclasses.fields(settings):
        section = getattr(settings, one.name)
        if isinstance(section, BackboneConfig):
            yield above + one.name, section
        elif dataclasses.is_dataclass(section):
            yield from backbone_sections(section, f"{above}{one.name}.")


def without_initial_weights(settings: S) -> S:
    """A copy that builds networks without reading backbones' weights, for a checkpoint that covers every tensor."""
    return with_values(settings, {f"{name}.weights": "" for name, _ in backbone_sections(settings)})


def with_chain_weights(settings: S) -> S:
    """The chain's initial weights for the backbones of the method's kind too, where the configuration names none of their own."""
    values: Any = settings
    weights, kind = values.chain.weights, values.backbone.name
    if not weights:
        return settings
    own = {
        f"{name}.weights": weights
        for name, one in backbone_sections(settings)
        if one.name == kind and one.weights in ("", "imagenet")
    }
    return with_values(settings, own)


def find_config(name: str) -> Path:
    """A configuration that another one names: where it says, or inside the toolbox.

    Raises:
        ConfigError: there is none.
    """
    found = next((path for path in (Path(name), TOP / name) if path.is_file()), None)
    if found is None:
        raise ConfigError(
            f"there is no configuration {name}, neither here nor in the toolbox; correct the section chain"
        )
    return found
