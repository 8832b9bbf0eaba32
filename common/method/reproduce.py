"""From image tags to the rows of the results table: every stage of a method, DeepLab-v2 on its label maps, one report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.data.toy import ToyConfig, make_toy
from common.errors import ConfigError
from common.locks import CHAIN_LOCK, only_writer
from common.method.calls import StageError
from common.method.label_sets import LabelSet
from common.method.labels import Labels, Score
from common.method.method import Method
from common.method.pictures import Pictures
from common.method.reference import ReferenceRows
from common.method.report import REPORT, report_of, write_chain_report
from common.method.segmentation import Job, Segmentation, job_of_labels, job_of_masks, outputs_of_segmentation
from common.method.settings import with_values
from common.method.stage import Stage
from common.report.curves import Curve
from common.report.results import read_results


def reproduce(method: Method, settings: Any, until: str = "report") -> None:
    """The whole chain; what is complete is skipped, so the same command continues a stopped one.

    Args:
        until: ``labels`` stops before DeepLab-v2, ``segmentation`` before the report.

    Raises:
        ConfigError: torchrun started several processes, and only single stages share their work; or the method and its
            reference rows would write to one folder.
        StageError: images of a stage failed.
        InUseError: another process makes this chain.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "the chain runs in one process; start its stages one by one with torchrun, by the names that --help lists"
        )
    require_own_folder(settings)
    with contextlib.ExitStack() as context:
        context.enter_context(only_writer(Path(settings.out), name=CHAIN_LOCK))
        make_missing_toy_set(settings)
        if settings.chain.reference and until == "report":
            context.enter_context(ReferenceRows(settings))
        for stage in stages_of_chain(method, settings):
            run_stage(method, stage, settings)
        if until != "labels":
            run_segmentations(method, settings)
    if until == "report":
        title, description = report_of(settings)
        folders, curves = chain_folders(method, settings), curves_of_rounds(method, settings)
        write_chain_report(title, description, folders, Path(settings.out) / REPORT, curves)


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


def run_stage(method: Method, stage: Stage, settings: Any) -> None:
    """One stage, with its score where it has one; the labels that go on to DeepLab-v2 once for every set of label maps."""
    for kind in method.every_kind(settings) if stage is method.labels else [settings]:
        print(f"\n# {method.name}: {stage.name}", flush=True)
        status = stage.run(kind)
        if status:
            raise StageError(f"images of the stage {stage.name} failed; mend what it says, then run the chain again")
        if isinstance(stage, Labels) and is_scored(method, stage):
            print(stage.score(kind).line())


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


def run_segmentations(method: Method, settings: Any) -> None:
    """A training of DeepLab-v2 for every set, and the second round for the method's own result where the settings ask for it."""
    sets, main = segmentations(method, settings), method.main_set(settings)
    for one in sets:
        if settings.chain.refine and one == main:
            for stage in method.second_round():
                run_stage(method, stage, with_values(settings, one.values))
        else:
            job_of(method, settings, one).run()
    if settings.chain.refine and sets:
        # Once more, with the label maps of the second round.
        for pictures in (stage for stage in method.commands if isinstance(stage, Pictures)):
            run_stage(method, pictures, settings)


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
