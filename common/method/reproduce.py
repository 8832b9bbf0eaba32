"""From image tags to the rows of the results table: every stage of a method, DeepLab-v2 on its label maps, one report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from common.data.toy import ToyConfig, make_toy
from common.errors import ConfigError
from common.failures import FAILED_FILE, read_failures, some_names
from common.locks import CHAIN_LOCK, only_writer
from common.method.label_sets import LabelSet
from common.method.labels import Labels, Score
from common.method.method import Method
from common.method.pictures import Pictures
from common.method.reference import ReferenceRows, kinds_of_stage, made_by_reference
from common.method.report import REPORT, report_of, write_chain_report
from common.method.requirements import Requirement, require_inputs
from common.method.score import any_masks
from common.method.segmentation import (
    Job,
    Segmentation,
    job_of_labels,
    job_of_masks,
    outputs_of_segmentation,
    requirements_of_trainer,
)
from common.method.settings import find_config, with_values
from common.method.stage import Stage
from common.report.curves import Curve
from common.report.results import read_results
from common.variables import number_of_variable


class Failures:
    """The images with which stages of a chain failed; the chain goes on without them, and says so again at its end."""

    def __init__(self) -> None:
        self.images: dict[str, str] = {}
        self.status = 0

    def add(self, status: int, *folders: Path) -> None:
        """Count a stage that has run.

        Args:
            status: its exit status.
            folders: where records of images that failed may lie, at any depth.
        """
        self.status = max(self.status, status)
        for file in (file for folder in folders if status for file in sorted(folder.rglob(FAILED_FILE))):
            self.images = read_failures(file.parent) | self.images

    def exit_status(self) -> int:
        """Name the images; 1 when one failed, else 0."""
        if self.status:
            why = next((f" ({self.images[name]})" for name in self.images), "")
            print(
                f"\nincomplete: {len(self.images)} of the images failed: {some_names(self.images)}{why}. They are left out of all that "
                "follows and of every score; mend them and run the same command again, it makes what is missing",
                file=sys.stderr,
                flush=True,
            )
        return self.status


def reproduce(method: Method, settings: Any, until: str = "report") -> int:
    """The whole chain; what is complete is skipped, so the same command continues a stopped one.

    An image that fails in a stage is left out of those that follow; the chain names it again at its end.

    Args:
        until: ``labels`` stops before DeepLab-v2, ``segmentation`` before the report.

    Returns:
        1 when an image failed, else 0.

    Raises:
        ConfigError: torchrun started several processes, and only single stages share their work; or the method and its
            reference rows would write to one folder.
        InUseError: another process makes this chain.
    """
    if number_of_variable("WORLD_SIZE", 1, least=1) > 1:
        raise ConfigError(
            "the chain runs in one process; start its stages one by one with torchrun, by the names that --help lists"
        )
    require_own_folder(settings)
    failures, reference = Failures(), None
    with contextlib.ExitStack() as context:
        context.enter_context(only_writer(Path(settings.out), name=CHAIN_LOCK))
        make_missing_toy_set(settings)
        require_inputs(requirements_of_chain(method, settings, until))
        if settings.chain.reference and until == "report":
            reference = context.enter_context(ReferenceRows(settings))
        for stage in stages_of_chain(method, settings):
            run_stage(method, stage, settings, failures)
        if until != "labels":
            run_segmentations(method, settings, failures)
    if reference:
        failures.add(reference.status, reference.folder)
    if until == "report":
        title, description = report_of(settings)
        folders, curves = chain_folders(method, settings), curves_of_rounds(method, settings)
        write_chain_report(title, description, folders, Path(settings.out) / REPORT, curves)
    return failures.exit_status()


def require_own_folder(settings: Any) -> None:
    chain = settings.chain
    if chain.reference and Path(chain.reference_out).resolve() == Path(settings.out).resolve():
        raise ConfigError(
            f"out and chain.reference_out are both {settings.out}; give the method a folder of its own (--out)"
        )


def stages_of_chain(method: Method, settings: Any) -> Iterator[Stage]:
    """The stages in order; scores follow their labels at once, and the default segmentation has a job per set of labels."""
    of_segmentations = () if method.of_kind(Segmentation) else [stage.name for stage in method.second_round()]
    for stage in method.commands:
        if not isinstance(stage, Score) and stage.name not in of_segmentations and stage.in_chain(settings):
            yield stage


def requirements_of_chain(method: Method, settings: Any, until: str) -> Iterator[tuple[list[Requirement], list[Path]]]:
    """What every stage of the chain needs from outside of it, and where it writes, in order."""
    if settings.chain.reference and until == "report":
        yield [Requirement(partial(find_config, settings.chain.reference))], made_by_reference(settings)
    for stage in stages_of_chain(method, settings):
        yield from requirements_of_stage(method, stage, settings)
    if until != "labels":
        yield [one for kind in segmentations(method, settings) for one in requirements_of_trainer(settings, kind)], []


def requirements_of_stage(
    method: Method, stage: Stage, settings: Any
) -> Iterator[tuple[list[Requirement], list[Path]]]:
    """The same of one stage of a chain, with its scores."""
    for kind in kinds_of_stage(method, stage, settings):
        needed = stage.requirements(kind)
        if isinstance(stage, Labels) and is_scored(method, stage) and has_masks(stage, kind):
            needed.append(stage.masks_for_scores(kind))
        yield needed, stage.writes(kind)


def run_stage(method: Method, stage: Stage, settings: Any, failures: Failures) -> None:
    """One stage, with its score where it has one; the labels that go on to DeepLab-v2 once for every set of label maps."""
    for kind in kinds_of_stage(method, stage, settings):
        print(f"\n# {method.name}: {stage.name}", flush=True)
        failures.add(stage.run(kind), *folders_of_stage(stage, kind))
        if isinstance(stage, Labels) and is_scored(method, stage):
            print(stage.score(kind).line() if has_masks(stage, kind) else "no masks: nothing is scored")


def has_masks(labels: Labels, settings: Any) -> bool:
    """Whether there is something to score against: photographs of one's own need no masks, every other dataset has them."""
    layout = labels.layout(settings)
    return layout.name != "folder" or any_masks(layout, layout.ids(settings.split))


def folders_of_stage(stage: Stage, settings: Any) -> list[Path]:
    """Where a stage records images that failed."""
    if isinstance(stage, Segmentation):
        return [outputs_of_segmentation(settings)]
    return [stage.folder(settings)]


def is_scored(method: Method, labels: Labels) -> bool:
    """Whether there are scores of these label maps: those of a second round are scored where the method's own are."""
    scored = [one.labels for one in method.of_kind(Score)]
    return any(one is (labels if labels in method.stages else method.labels) for one in scored)


def segmentations(method: Method, settings: Any) -> list[LabelSet]:
    """The sets of label maps that DeepLab-v2 learns from; none where the method declares its own segmentations."""
    if method.of_kind(Segmentation) or not settings.chain.segmentation:
        return []
    return [one for one in method.label_sets(settings) if one.segmented or one.masks]


def job_of(method: Method, settings: Any, label_set: LabelSet) -> Job:
    if label_set.masks:
        return job_of_masks(settings)
    return job_of_labels(with_values(settings, label_set.values), method.labels, label_set)


def run_segmentations(method: Method, settings: Any, failures: Failures) -> None:
    """A training of DeepLab-v2 for every set, and the second round for the method's own result where the settings ask for it."""
    sets, main = segmentations(method, settings), method.main_set(settings)
    for one in sets:
        if settings.chain.refine and one == main:
            for stage in method.second_round():
                run_stage(method, stage, with_values(settings, one.values), failures)
        else:
            failures.add(job_of(method, settings, one).run(), outputs_of_segmentation(settings))
    if settings.chain.refine and sets:
        # Once more, with the label maps of the second round.
        for pictures in (stage for stage in method.commands if isinstance(stage, Pictures)):
            run_stage(method, pictures, settings, failures)


def curves_of_rounds(method: Method, settings: Any) -> list[Curve]:
    """mIoU of the label maps of every round, one line per column of the table; none for a method without rounds."""
    lines: dict[str, tuple[list[float], list[float]]] = {}
    for one in method.label_sets(settings):
        if one.round is None:
            continue
        kind = with_values(settings, one.values)
        row, column = method.labels.row(kind), method.labels.column(kind)
        for result in read_results(method.labels.report_folder(kind) / "results.json"):
            if (result.method, result.stage) == (row, column):
                rounds, scores = lines.setdefault(column, ([], []))
                rounds.append(float(one.round))
                scores.append(result.miou)
    return [Curve("Rounds, training list", "round", "mIoU in %", lines)] if lines else []


def make_missing_toy_set(settings: Any) -> None:
    """The generated dataset, where the configuration wants it and nobody has made it yet."""
    if settings.data.dataset == "toy" and not (Path(settings.data.root) / "JPEGImages").is_dir():
        make_toy(Path(settings.data.root), ToyConfig())


def chain_folders(method: Method, settings: Any) -> list[Path]:
    """Where the results of a chain lie: the reference rows, the scores of label maps, whose order is that of the rows, the run."""
    reference = [Path(settings.chain.reference_out)] if settings.chain.reference else []
    of_labels = [method.labels.report_folder(kind) for kind in method.every_kind(settings)]
    folders = [*reference, *of_labels, Path(settings.out), outputs_of_segmentation(settings)]
    return list(dict.fromkeys(folders))
