"""What a chain will do, without doing it: every stage in order, with its settings and the command that runs it alone."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.commands import Command, parse_command
from common.errors import ConfigError, ToolboxError
from common.method.calls import in_repository, working_in
from common.method.command import command_of, settings_of
from common.method.labels import Labels, Score
from common.method.maps import Maps
from common.method.method import Method
from common.method.other_run import OtherProgram, OtherRun
from common.method.pictures import Pictures
from common.method.reference import flags_of_reference
from common.method.registry import PLAIN_CAM, find_method
from common.method.reproduce import has_masks, is_scored, segmentations, stages_of_chain
from common.method.saliency import Saliency
from common.method.segmentation import SEGMENTER, Job, Segmentation, job_of_labels, job_of_masks
from common.method.settings import TOP, with_values
from common.method.stage import Stage, never
from common.method.training import Training
from common.report.results import NOT_RECORDED

REFERENCE_GROUP = "reference rows"
PYTHON_MODULE = ("python", "-m", "common.method")
SEGMENTER_FILE = SEGMENTER.replace(".", "/") + ".py"
TOY_FOLDER = ("python", "-m", "common.data.toy")


@dataclass(frozen=True)
class PlannedStage:
    """One command of the chain.

    Attributes:
        group: what it belongs to: the method, the reference rows, another run, a segmentation network.
        name: of the stage.
        command: its words, for the repository's folder.
        place: the folder in which the relative paths of its settings begin.
        settings: its settings.
        stage: what it runs; None for a command that is none: the making of the toy set, the test and CRF of a segmentation network.
        method: name of the method that has the stage; :data:`SEGMENTER` for the segmentation trainer.
        split: the list of whose images it makes files; empty for none.
        scored: whether the stage before it is scored in the chain, so that it needs masks.
    """

    group: str
    name: str
    command: tuple[str, ...]
    place: Path
    settings: Any
    stage: Stage | None = None
    method: str = ""
    split: str = ""
    scored: bool = False


@dataclass(frozen=True)
class Plan:
    """Attributes: stages: in order; problems: (group, message) of what could not even be planned."""

    stages: list[PlannedStage]
    problems: list[tuple[str, str]]


def plan_of_chain(method: Method, settings: Any, flags: Sequence[str], until: str = "report") -> Plan:
    """The plan of what :func:`common.method.reproduce.reproduce` would do.

    Args:
        method: the method.
        settings: of the chain; their relative paths begin in the working directory.
        flags: configuration and flags that give these settings to a stage, for the repository's folder.
        until: as of the chain.
    """
    plan = Plan([], [])
    Planner(plan, method, settings, flags, method.name).chain(until)
    return plan


class Planner:
    """Adds the stages of one chain to a plan.

    Args:
        plan: what is added to.
        method: the method.
        settings: of its chain.
        flags: those of its commands.
        group: heading of its stages.
    """

    def __init__(self, plan: Plan, method: Method, settings: Any, flags: Sequence[str], group: str) -> None:
        self.plan, self.method, self.settings, self.flags, self.group = plan, method, settings, list(flags), group
        self.place = Path.cwd()

    def chain(self, until: str) -> None:
        """All of it, in the order in which it runs; the reference rows' segmentation networks run beside the method's stages."""
        self.toy_set()
        if self.settings.chain.reference and until == "report":
            self.attempt(REFERENCE_GROUP, self.reference)
        for stage in stages_of_chain(self.method, self.settings):
            self.attempt(self.group, partial(self.stage, stage, self.settings, self.flags))
        if until != "labels":
            self.segmentations()

    def attempt(self, group: str, add: Callable[[], None]) -> None:
        """Add something; what keeps it from being planned is a problem of the plan, and the rest goes on."""
        try:
            add()
        except ToolboxError as error:
            self.plan.problems.append((group, str(error)))

    def toy_set(self) -> None:
        data = self.settings.data
        known = any(one.command[: len(TOY_FOLDER)] == TOY_FOLDER for one in self.plan.stages)
        if data.dataset == "toy" and not (Path(data.root) / "JPEGImages").is_dir() and not known:
            command = (*TOY_FOLDER, in_repository(data.root))
            self.plan.stages.append(PlannedStage(self.group, "toy set", command, self.place, self.settings))

    def reference(self) -> None:
        """Plain CAM's own chain on the same dataset."""
        flags, method = list(flags_of_reference(self.settings)), find_method(PLAIN_CAM)
        with working_in(TOP):
            settings = settings_of(REFERENCE_GROUP, command_of(method, "", of_chain=True), flags)
            Planner(self.plan, method, settings, flags, REFERENCE_GROUP).chain("report")

    def stage(self, stage: Stage, settings: Any, flags: Sequence[str]) -> None:
        """A stage, with its scores where it has some; the labels that go on to DeepLab-v2 once for every set."""
        if isinstance(stage, OtherRun):
            self.other_run(stage, settings)
        elif isinstance(stage, Segmentation):
            self.segmentation(stage, settings)
        elif isinstance(stage, OtherProgram):
            command = ("python", "-m", stage.module, *stage.arguments(settings))
            self.add(stage, settings, command)
        else:
            for values, kind in self.kinds(stage, settings):
                words = [*flags, *flags_of_values(values)]
                self.add(stage, kind, (*PYTHON_MODULE, self.method.name, stage.name, *words))
                if isinstance(stage, Labels) and is_scored(self.method, stage) and masks_expected(stage, kind):
                    for score in (one for one in self.method.of_kind(Score) if one.labels is stage):
                        self.add(score, kind, (*PYTHON_MODULE, self.method.name, score.name, *words))

    def add(self, stage: Stage, settings: Any, command: tuple[str, ...]) -> None:
        split = settings.split if isinstance(stage, (Maps, Labels, Saliency)) else ""
        scored = isinstance(stage, Labels) and is_scored(self.method, stage) and masks_expected(stage, settings)
        self.plan.stages.append(
            PlannedStage(
                *(self.group, stage.name, command, self.place, settings, stage, self.method.name), split, scored
            )
        )

    def kinds(self, stage: Stage, settings: Any) -> list[tuple[Mapping[str, Any], Any]]:
        """(values, settings) with which a chain runs a stage."""
        if stage is not self.method.labels:
            return [({}, settings)]
        sets = [one.values for one in self.method.label_sets(settings) if not one.masks]
        found = {str(stage.folder(kind)): (values, kind) for values in sets for kind in [with_values(settings, values)]}
        return list(found.values())

    def other_run(self, stage: OtherRun, settings: Any) -> None:
        arguments = list(stage.arguments(settings))
        if not arguments:
            return
        method = find_method(stage.method)
        with working_in(TOP):
            kind = settings_of(stage.name, command_of(method, ""), arguments)
            other = Planner(self.plan, method, kind, arguments, f"{self.group}: {stage.name}")
            for name in stage.stages:
                one = method.stage(name)
                other.add(one, kind, (*PYTHON_MODULE, method.name, name, *arguments))

    def segmentations(self) -> None:
        """DeepLab-v2 on every set of label maps, and the second round where the settings ask for it."""
        settings, main = self.settings, self.method.main_set(self.settings)
        sets = segmentations(self.method, settings)
        for one in sets:
            kind = with_values(settings, one.values)
            if settings.chain.refine and one == main:
                words = [*self.flags, *flags_of_values(one.values)]
                for stage in self.method.second_round():
                    self.attempt(self.group, partial(self.stage, stage, kind, words))
            elif one.masks:
                self.attempt(self.group, lambda: self.job(job_of_masks(settings)))
            else:
                self.attempt(self.group, partial(self.labels_job, kind, one))
        if settings.chain.refine and sets:
            for pictures in (stage for stage in self.method.commands if isinstance(stage, Pictures)):
                self.attempt(self.group, partial(self.stage, pictures, settings, self.flags))

    def labels_job(self, settings: Any, label_set: Any) -> None:
        self.job(job_of_labels(settings, unsearched(self.method.labels), label_set))

    def segmentation(self, stage: Segmentation, settings: Any) -> None:
        """A segmentation that is a stage, with what it predicts besides."""
        job = dataclasses.replace(stage, labels=unsearched(stage.labels)).job(settings)
        predicts = stage.predicts if stage.followed(settings) else ""
        self.job(job, predicts, predicts and predicted_list_of(stage, settings), stage.refined)

    def job(self, job: Job, predicts: str = "", listed: str = "", refined: bool = False) -> None:
        """The commands of a training of the segmentation network.

        Args:
            job: the training.
            predicts: another list that it predicts; empty for none.
            listed: its file.
            refined: whether the CRF refines those predictions.
        """
        arguments, group = known_arguments(job), f"{self.group}: DeepLab-v2, {job.row}"
        with working_in(TOP):
            config = parse_command("train", trainer_command("train"), arguments)
        works = [("train", ""), ("test", "val"), ("crf", "val")]
        works += [("test", predicts), *([("crf", predicts)] if refined else [])] if predicts else []
        for name, split in works:
            more = ["--split", listed] if split not in ("", "val") else []
            command = ("python", SEGMENTER_FILE, name, *arguments, *more)
            stage = trainer_stage() if name == "train" else None
            self.plan.stages.append(PlannedStage(group, name, command, TOP, config, stage, SEGMENTER, split))


def trainer_command(name: str) -> Command:
    """A command of the segmentation trainer, which is not imported from here but found where it is called."""
    command = importlib.import_module(SEGMENTER).COMMANDS[name]
    assert isinstance(command, Command)
    return command


def trainer_stage() -> Training:
    """Its training."""
    stage = importlib.import_module(SEGMENTER).TRAINING.thing
    assert isinstance(stage, Training)
    return stage


def known_arguments(job: Job) -> list[str]:
    """The flags of a job whose label maps may not be made yet: only then it is known which tags are behind them."""
    arguments = job.arguments()
    if job.tag_source != NOT_RECORDED:
        return arguments
    place = arguments.index("--report.tag_source")
    return arguments[:place] + arguments[place + 2 :]


def unsearched(labels: Labels) -> Labels:
    """The same stage for somebody who does not wait for the threshold that it looks for."""
    return dataclasses.replace(labels, sweeps=never)


def predicted_list_of(stage: Segmentation, settings: Any) -> str:
    """The list that a segmentation predicts, by its name where the dataset is not there."""
    try:
        return in_repository(stage.predicted_list(settings))
    except ConfigError:
        raise
    except ToolboxError:
        return stage.predicts


def masks_expected(labels: Labels, settings: Any) -> bool:
    """Whether label maps are scored, as far as is known without the dataset."""
    try:
        return has_masks(labels, settings)
    except ToolboxError:
        return bool(settings.data.dataset != "folder")


def flags_of_values(values: Mapping[str, Any]) -> list[str]:
    """Dotted setting -> value as flags."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return [word for name, text in texts.items() for word in (f"--{name}", text)]


def flags_for_repository(method: Method, arguments: Sequence[str], started_in: Path, settings: Any) -> list[str]:
    """Flags whose paths are absolute, for somebody in the repository's folder.

    Args:
        method: whose they are; where the paths of its configurations begin where the user is, the places that matter are added.
        arguments: configuration and flags.
        started_in: where the user is.
        settings: what the flags gave.
    """
    flags = [in_repository(word) if os.path.isabs(word) else word for word in arguments]
    if method.home or started_in == TOP:
        return flags
    return [*flags, "--root", in_repository(settings.data.root), "--out", in_repository(settings.out)]
