"""The kind of stage that trains the segmentation network on label maps, tests it and refines its predictions.

The segmentation trainer stands beside the methods and is not imported from here: its commands are called as a user would.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.data.layout import open_layout
from common.engine.run_folder import RunFolder
from common.errors import ConfigError, DataError
from common.failures import STAGE_FILE
from common.method.calls import call, in_repository, in_repository_if_file
from common.method.label_sets import LabelSet
from common.method.labels import Labels
from common.method.maps import record_of
from common.method.requirements import Requirement, require_trainer_inputs
from common.method.settings import TOP, find_config
from common.method.stage import Stage, always
from common.report.results import NONE

SEGMENTER = "deeplabv2.main"
CEILING = "fully supervised"


@dataclass(frozen=True)
class Job:
    """One training of the segmentation network, with its test and its CRF.

    Attributes:
        config: its configuration.
        out: folder of all such jobs of a run.
        experiment: name of this one in output paths.
        row: row of the results table.
        label_folder: label maps to learn from; None for the dataset's masks.
        saliency_source: what made the saliency maps behind them, or ``none``.
        tag_source: which tags are behind them, or ``none``.
        settings: seed, device, workers, dataset and weights, as flags.
    """

    config: str
    out: Path
    experiment: str
    row: str
    label_folder: Path | None
    saliency_source: str
    tag_source: str
    flags: Sequence[str] = ()

    def arguments(self) -> list[str]:
        """Flags of the trainer's commands."""
        config, out = in_repository(find_config(self.config)), in_repository(self.out)
        arguments = ["-c", config, "--out", out, "--experiment", self.experiment]
        arguments += ["--report.method", self.row, "--report.saliency_source", self.saliency_source]
        arguments += ["--report.tag_source", self.tag_source]
        arguments += ["--label-dir", in_repository(self.label_folder)] if self.label_folder else []
        return [*arguments, *self.flags]

    def run(self) -> int:
        """Train, test, refine; what is complete is skipped. 1 when an image failed, else 0."""
        return max(call(SEGMENTER, [command, *self.arguments()]) for command in ("train", "test", "crf"))

    def outputs(self, kind: str) -> list[Path]:
        """Folders ``<out>/<kind>/<experiment>/<network>/<split>`` that are there."""
        return sorted((self.out / kind / self.experiment).glob("*/*"))


def shared_flags(settings: Any) -> list[str]:
    """Seed, device, workers and dataset as flags of another program."""
    return ["--seed", str(settings.engine.seed), *common_flags(settings)]


def common_flags(settings: Any) -> list[str]:
    """Those of :func:`shared_flags` for a training that runs of several seeds share."""
    engine = settings.engine
    flags = ["--device", engine.device, "--workers", str(engine.workers), "--root", in_repository(settings.data.root)]
    # Who lets one training be measured wants the others of the chain to be as fast; a given precision is that training's own.
    return [*flags, *(["--engine.precision", "auto"] if engine.precision == "auto" else [])]


def trainer_flags(settings: Any) -> list[str]:
    """The shared flags, the chain's initial weights, its steps and ``--force`` as the trainer takes them."""
    weights, steps = in_repository_if_file(settings.chain.weights), settings.chain.segmentation_steps
    flags = [*shared_flags(settings), *(["--network.backbone.weights", weights] if weights else [])]
    flags += ["--engine.max_steps", str(steps)] if steps else []
    if settings.data.dataset == "folder":
        # Only the folder knows how many classes it has.
        flags += ["--network.n_labels", str(open_layout(settings.data).n_classes + 1)]
    return [*flags, *(["--force"] if settings.force else [])]


def outputs_of_segmentation(settings: Any) -> Path:
    """Folder of all that DeepLab-v2 writes in a run."""
    named: str = settings.chain.segmentation_out
    return Path(named) if named else Path(settings.out) / "deeplabv2"


def job_of_labels(settings: Any, labels: Labels, label_set: LabelSet) -> Job:
    """The training on the label maps of a stage.

    Args:
        label_set: which they are: its configuration of DeepLab-v2, what it adds to the row, its round.
    """
    folder, chosen = labels.folder(settings), labels.chosen(settings)
    sources = (labels.saliency_source(settings), labels.tag_source(settings))
    row = labels.row(chosen) + label_set.suffix
    config = label_set.segmentation or settings.chain.segmentation
    name = settings.chain.segmentation_name or folder.name
    name += f"_{Path(config).stem}" if label_set.suffix else ""
    # The folders of several rounds may have one name.
    name += "" if label_set.round is None else f"_round{label_set.round}"
    return Job(config, outputs_of_segmentation(settings), name, row, folder, *sources, trainer_flags(settings))


def job_of_masks(settings: Any) -> Job:
    """The training on the dataset's own masks: the ceiling."""
    flags = trainer_flags(settings)
    out = outputs_of_segmentation(settings)
    return Job(settings.chain.segmentation, out, "fully_supervised", CEILING, None, NONE, NONE, flags)


def requirements_of_trainer(settings: Any, label_set: LabelSet) -> list[Requirement]:
    """The configuration of a training, and what it names."""

    def check() -> None:
        config, weights = find_config(label_set.segmentation or settings.chain.segmentation), settings.chain.weights
        require_trainer_inputs(config, settings.data, in_repository_if_file(weights), TOP)

    return [Requirement(check)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Segmentation(Stage):
    """Train DeepLab-v2 on the label maps of a stage; then test and CRF on the validation list.

    Every stage of this kind has an experiment of its own, so that a second round leaves the first one as it is.

    Attributes:
        labels: where the label maps come from.
        label_set: settings -> which set of label maps they are.
        predicts: a list of the dataset (``train``) that the trained network also predicts, for another round; empty for none.
        refined: whether the CRF refines those predictions.
        followed: settings -> whether there is another round, which needs them.
        experiment_ending: what tells its experiment from that of another segmentation of the same chain.
    """

    labels: Labels
    name: str = "segment"
    label_set: Callable[[Any], LabelSet] = lambda settings: LabelSet()
    predicts: str = ""
    refined: bool = False
    followed: Callable[[Any], bool] = always
    experiment_ending: str = ""

    def run(self, settings: Any) -> int:
        """Train, test, refine, and predict the other list.

        Raises:
            DataError: there are no label maps.
            ConfigError: no configuration of DeepLab-v2 is named, or there is no list to predict.
        """
        if not settings.chain.segmentation:
            raise ConfigError("chain.segmentation is empty: say which configuration of DeepLab-v2 is to be trained")
        self.labels.made(settings)
        job = self.job(settings)
        status = job.run()
        if self.predicts and self.followed(settings):
            arguments = [*job.arguments(), "--split", in_repository(self.predicted_list(settings))]
            for command in ("test", "crf") if self.refined else ("test",):
                status = max(status, call(SEGMENTER, [command, *arguments]))
        return status

    def requirements(self, settings: Any) -> list[Requirement]:
        needed = super().requirements(settings)
        if self.predicts and self.followed(settings):
            needed.append(Requirement(partial(self.predicted_list, settings)))
        return [*needed, *requirements_of_trainer(settings, self.label_set(settings))]

    def writes(self, settings: Any) -> list[Path]:
        return []

    def job(self, settings: Any) -> Job:
        job = job_of_labels(settings, self.labels, self.label_set(settings))
        return dataclasses.replace(job, experiment=job.experiment + self.experiment_ending)

    def predicted_list(self, settings: Any) -> Path:
        lists = self.layout(settings).lists
        if self.predicts not in lists:
            raise ConfigError(
                f"the dataset has no list {self.predicts}, which {self.name} predicts; name one in its settings"
            )
        return lists[self.predicts]

    def label_folder(self, settings: Any) -> Path:
        """Where the predictions of the list lie, for a label rule that starts from them."""
        job, wanted = self.job(settings), self.predicted_list(settings).stem
        kind = "crf" if self.refined else "label"
        found = [folder for folder in job.outputs("features") if folder.name == wanted]
        return (found[0] if found else job.out / "features" / job.experiment / wanted) / kind

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the predictions that are there, and the steps of the network that made them.

        Raises:
            DataError: there are none.
        """
        folder = self.label_folder(settings)
        if not (folder / STAGE_FILE).exists():
            how = "" if self.followed(settings) else ", with --chain.refine true"
            raise DataError(f"no predictions in {folder}; run the stage {self.name} first{how}")
        configs = [run / "config.yaml" for run in self.job(settings).outputs("models")]
        trained = [RunFolder(config.parent).recorded("engine.max_steps") for config in configs if config.is_file()]
        return {"predictions": record_of(folder), "steps": {self.name: max(trained, default=0)}}
