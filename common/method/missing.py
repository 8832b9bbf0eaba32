"""Everything that a planned chain needs and does not find: of the dataset, initial weights, what stages require; and what is fetched."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from common.bounds import declarations
from common.data.layout import DataConfig
from common.engine.contents import WEIGHT_SUFFIXES
from common.errors import ToolboxError
from common.method.calls import in_repository, working_in
from common.method.expected import PATH_SETTINGS, missing_parts, with_paths
from common.method.labels import Labels
from common.method.maps import Maps
from common.method.other_run import InitialWeights
from common.method.plan_of_chain import Plan, PlannedStage
from common.method.registry import find_method
from common.method.requirements import Requirement, requirements_or_error
from common.method.saliency import Saliency
from common.method.segmentation import SEGMENTER
from common.method.settings import TOP, backbone_sections
from common.method.stage import Stage, dataset_of
from common.method.training import Training
from common.models.backbones import torchvision_weights


@dataclass
class Found:
    """What the search has found.

    Attributes:
        missing: message -> the stages (group, name) that it keeps from running, in order.
        fetched: what the stages fetch from the network at their first use.
        made: absolute paths that stages write which come earlier.
        runs: absolute run folders of trainings that come earlier.
    """

    missing: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    fetched: dict[str, None] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)

    def say(self, one: PlannedStage, message: str) -> None:
        self.say_of(one.group, one.name, message)

    def say_of(self, group: str, name: str, message: str) -> None:
        stages = self.missing.setdefault(message, [])
        if (group, name) not in stages:
            stages.append((group, name))

    def is_made(self, path: str | Path) -> bool:
        """Whether an earlier stage writes it, or it is a checkpoint of an earlier training."""
        absolute = os.path.abspath(path)
        return absolute in self.made or any(
            absolute.startswith(os.path.join(run, "checkpoints") + os.sep) for run in self.runs
        )


def look_for_missing(plan: Plan) -> Found:
    """Look for everything; nothing is written, and nothing of a dataset is read but lists, tags and the names of files."""
    found = Found()
    for group, message in plan.problems:
        found.say_of(group, "plan", message)
    toys = {os.path.abspath(one.place / one.settings.data.root) for one in plan.stages if one.name == "toy set"}
    for one in plan.stages:
        with working_in(one.place):
            root = one.settings.data.root
            # The chain makes the generated set itself, complete.
            is_made = os.path.abspath(root) in toys
            for message in [*([] if is_made else missing_of_dataset(plan, one)), *missing_of_weights(one, found)]:
                found.say(one, message)
            if isinstance(one.stage, Stage):
                for message in unmet(one, one.stage, found):
                    if not is_made or root not in message:
                        found.say(one, message_for_repository(message, root, one.place))
                found.made |= {os.path.abspath(place) for place in one.stage.writes(one.settings)}
            if isinstance(one.stage, Training):
                found.runs.add(os.path.abspath(one.stage.folder(one.settings)))
    return found


def message_for_repository(message: str, root: str, place: Path) -> str:
    """A message of a stage whose relative paths begin elsewhere."""
    if root in message:
        return message.replace(root, in_repository(root))
    return f"{message} (in {in_repository(place)})" if place != TOP and "/" in message else message


def unmet(one: PlannedStage, stage: Stage, found: Found) -> Iterator[str]:
    """The messages of what a stage requires and is not there."""
    needed = list(stage.requirements(one.settings))
    if one.scored and isinstance(stage, Labels):
        needed += requirements_or_error(partial(masks_to_score, stage, one.settings))
    if isinstance(stage, InitialWeights) and not found.is_made(stage.path(one.settings)):
        run = Path(stage.source(one.settings))
        if not (run / "config.yaml").is_file() and os.path.abspath(run) not in found.runs:
            yield f"there is no training in {run} to take initial weights from; run it first"
    for requirement in needed:
        if requirement.place is not None and found.is_made(requirement.place):
            continue
        try:
            requirement.check()
        except ToolboxError as error:
            yield str(error)


def masks_to_score(labels: Labels, settings: Any) -> list[Requirement]:
    return [labels.masks_for_scores(settings)]


def missing_of_dataset(plan: Plan, one: PlannedStage) -> list[str]:
    """What of the dataset is missing that a stage looks at."""
    parts = parts_of(plan, one)
    if not parts:
        return []
    own = own_dataset(one)
    if own is not None:
        return own
    split = one.split or (getattr(one.settings, "split", "train") if one.method != SEGMENTER else "train")
    data = data_for_repository(data_of(one))
    with working_in(TOP):
        return missing_parts(data, split, parts)


def data_for_repository(data: DataConfig) -> DataConfig:
    """The dataset with its paths for the repository's folder."""
    there = {name: getattr(data, name) for name in PATH_SETTINGS}
    named = {name: in_repository(value) for name, value in there.items() if value and Path(value).exists()}
    return with_paths(data, {"root": in_repository(data.root), **named})


def own_dataset(one: PlannedStage) -> list[str] | None:
    """What is missing of a dataset that is none of the settings' section ``data``; None where the stage works on that one.

    A training makes the generated dataset that it is on itself.
    """
    training = one.stage
    if not isinstance(training, Training) or one.method == SEGMENTER or training.layout is dataset_of:
        return None
    if one.settings.data.dataset == "toy":
        return []
    try:
        training.layout(one.settings).ids("train")
    except ToolboxError as error:
        return [str(error)]
    return []


def parts_of(plan: Plan, one: PlannedStage) -> set[str]:
    """What of a dataset a stage looks at."""
    if one.method == SEGMENTER:
        needs_tags = one.name == "train" and one.settings.loss.needs_tags
        own_masks = one.settings.data.dataset != "folder" and (one.split == "val" or not one.settings.label_dir)
        masks = {"masks"} if own_masks and one.split in ("", "val") else set()
        return {"images", *masks, *(["tags"] if needs_tags else [])}
    makes_maps = any(isinstance(other.stage, Saliency) for other in plan.stages if other.method == one.method)
    if isinstance(one.stage, Training):
        guided = find_method(one.method).labels.uses_saliency(one.settings) and not makes_maps
        return {"images", "tags", *(["saliency"] if guided else [])}
    if isinstance(one.stage, Maps):
        return {"images", *(["tags"] if "tags" in one.stage.parts else [])}
    if isinstance(one.stage, Labels):
        guided = "saliency" in one.stage.needs(one.settings) and not makes_maps
        return {"images", *(["saliency"] if guided else []), *(["masks"] if one.scored else [])}
    return {"images"} if isinstance(one.stage, Saliency) else set()


def data_of(one: PlannedStage) -> DataConfig:
    """The dataset of a stage; that of the segmentation trainer may lie in a folder ``VOC2012``."""
    data: DataConfig = one.settings.data
    inner = Path(data.root) / "VOC2012"
    return dataclasses.replace(data, root=str(inner)) if one.method == SEGMENTER and inner.is_dir() else data


def missing_of_weights(one: PlannedStage, found: Found) -> Iterator[str]:
    """Files of initial weights that a training starts from; what is fetched by name is noted."""
    training = one.stage
    if not isinstance(training, Training) or training.after is not None:
        return
    for name, value in weights_of(training, one.settings):
        if value.endswith(WEIGHT_SUFFIXES):
            if not Path(value).is_file() and not found.is_made(value):
                yield f"there is no weights file {in_repository(value)} ({name}), which the training starts from"
        elif value:
            note_fetched(one.settings, name, value, found)


def weights_of(training: Training, settings: Any) -> Iterator[tuple[str, str]]:
    """Dotted setting -> initial weights, of the sections that decide a trained network."""
    for name, value, _ in declarations(settings):
        decides = any(name.startswith(f"{section}.") or name == section for section in training.decides)
        if decides and name.rpartition(".")[2] == "weights" and isinstance(value, str):
            yield name, value


def note_fetched(settings: Any, name: str, value: str, found: Found) -> None:
    """Note weights that torchvision or timm fetch, unless torchvision has them already."""
    section = dict(backbone_sections(settings)).get(name.rpartition(".")[0])
    try:
        known = torchvision_weights(section) if section is not None else None
    except (ToolboxError, ValueError):
        known = None
    if known is None:
        found.fetched[f"{value} ({name}), by timm or torchvision"] = None
        return
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(known.url).name
    if not file.is_file():
        found.fetched[f"{known.url} to {file}"] = None
