"""``main.py test``: label maps of the VAL list, logits and pictures on request, and scores where there are masks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.data.layout import DatasetLayout
from common.data.palette import write_label_map
from common.engine.finishing import FinishingProcesses, number_of_processes
from common.engine.inference import OutputFolder, StageReport, images_to_files, record_failures
from common.engine.session import Session, start_session
from common.errors import CheckpointError, ConfigError
from common.failures import read_failures
from common.memory import memory_limit
from common.models.weights import file_fingerprint
from deeplabv2.dataset import open_segmentation_data
from deeplabv2.image_forms import OnCanvas, SummedScales
from deeplabv2.inference import ImageForm, LoadInputs, Prediction, Predictor, Squares, WholeImages, largest_label
from deeplabv2.networks.registry import load_network
from deeplabv2.outputs import OutputFolders, write_logits
from deeplabv2.results import draw_sheets, score_folder
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import convention_of


@dataclass(frozen=True)
class WriteTest:
    """``(path, prediction)``: writes the label map, and the logits beside it where a folder for them is given; runs in any
    process.
    """

    form: ImageForm
    labels: Path
    logits: Path | None

    def __call__(self, path: Path, prediction: Prediction) -> None:
        if self.logits:
            write_logits(self.logits / path.relative_to(self.labels).with_suffix(".npy"), prediction.logits[0])
        label_map = prediction.label_map
        if label_map is None:
            label_map = largest_label(self.form.probabilities(prediction.logits, prediction.size), prediction.tags)
        write_label_map(path, label_map)


def form_of(config: DeepLabConfig, long_side: int | None = None) -> ImageForm:
    """How section test applies the network; ``long_side`` takes the place of the section's, where that is used."""
    test, precision = config.test, config.engine.known_precision
    if test.squares:
        return Squares(precision, tuple(test.squares), test.edge)
    seen = precision, tuple(test.scales), test.long_side if long_side is None else long_side, test.flip
    if test.canvas:
        return OnCanvas(*seen, test.canvas)
    return SummedScales(*seen) if test.summed else WholeImages(*seen)


def part_of(items: list[str], parts: int, part: int) -> list[str]:
    """Part ``part`` (1..parts) of consecutive items; the last part takes the remainder (sgan spec, section 6.3)."""
    if not 1 <= part <= parts:
        raise ConfigError(f"part {part} of {parts} does not exist; test.part is 1..test.parts")
    length = len(items) // parts
    return items[length * (part - 1) : length * part if part < parts else len(items)]


def tags_of(config: DeepLabConfig, layout: DatasetLayout, ids: Sequence[str]) -> Mapping[str, np.ndarray]:
    """The tags, id -> float32 [C] of 0 and 1, of the images where only these are allowed; else none."""
    return layout.read_tags(ids) if config.test.true_tags else {}


def load_inputs(config: DeepLabConfig, path_of: Callable[[str], Path], form: ImageForm, **more: Any) -> LoadInputs:
    return LoadInputs(
        path_of, convention_of(config), form, config.network.pyramid, limit=memory_limit(config.engine.device), **more
    )


def images_to_outputs(
    config: DeepLabConfig,
    ids: Sequence[str],
    load: Callable[[str], Any],
    finish: Callable[[Path, Any], None],
    output: OutputFolder,
    session: Session,
    predictor: Predictor | None,
    title: str,
) -> StageReport:
    """:func:`common.engine.inference.images_to_files` whose files ``finish`` writes in other processes; ``predictor`` is None where
    ``load`` gives predictions.
    """
    network = {"compute": predictor, "batch_size": config.test.batch_size, "workers": config.engine.workers}
    # Label maps that the predictor has made are quickly written.
    quick = predictor is not None and predictor.label_maps and not config.test.true_tags and not config.test.squares
    processes = 1 if quick else number_of_processes(config.engine.processes, len(ids), session.world_size)
    if session.is_main and processes > 1:
        print(f"{title} in {processes} processes")
    with FinishingProcesses(finish, processes) as finishing:
        passes: dict[str, Any] = network if predictor else {"workers": 0}
        report = images_to_files(ids, load, finishing, output, session, title=title, **passes)
    finishing.correct(report, {output.file(image_id): image_id for image_id in ids})
    if session.any(bool(finishing.failed)):
        record_failures(output, ids, report, session)
    return report


def predicted(output: OutputFolder, ids: Sequence[str]) -> list[str]:
    """The ids without those that failed."""
    failed = read_failures(output.path)
    return [image_id for image_id in ids if image_id not in failed]


def test_network(config: DeepLabConfig) -> int:
    """Predict the VAL list with ``checkpoint`` (default: this config's final one), then score it."""
    layout = open_segmentation_data(config.data, config.network.n_labels)
    checkpoint, form = chosen_checkpoint(config), form_of(config)
    ids = part_of(layout.ids("val"), config.test.parts, config.test.part)
    output = test_output(config, checkpoint, form)
    logits = config.logits if config.test.save_logits else None
    tags = tags_of(config, layout, ids)
    load = load_inputs(config, layout.image_path, form, tags=tags, upright=layout.upright)
    with start_session(config.engine.device) as session, session.writing(output.path, shared=config.test.parts > 1):
        predictor = Predictor(form, load_network(config.network, checkpoint), session.device, label_maps=True)
        if session.is_main:
            print(
                f"Mode: test on {session.device}\n"
                f"Dataset: {config.data.dataset}, {len(ids)} images of {config.data.val_list}\n"
                f"Model: {config.network.name}, {checkpoint}\n"
                f"Label map dst: {output.path}" + (f"\nLogit dst: {logits}" if logits else "")
            )
        finish = WriteTest(form, output.path, logits)
        report = images_to_outputs(config, ids, load, finish, output, session, predictor, "test")
        session.on_main(lambda: draw_sheets(config, layout, predicted(output, ids), load, predictor))
        session.on_main(lambda: score_folder(config, layout, checkpoint))
    return report.exit_status("test")


def test_output(config: DeepLabConfig, checkpoint: Path, form: ImageForm) -> OutputFolders:
    """Where ``test`` writes; logits of a form that has several per image are refused."""
    record = prediction_record(config, checkpoint, form)
    if config.test.save_logits and config.test.squares:
        raise ConfigError("test.save_logits is for whole images; leave it out, crf asks the network again")
    others = [OutputFolder(config.logits, ".npy", record, config.force)] if config.test.save_logits else []
    folder = config.label_maps(crf=False)
    origin = {"checkpoint": relative_within(checkpoint, Path(config.out), folder)}
    return OutputFolders(folder, ".png", record, config.force, others, origin)


def relative_within(path: Path, whole: Path, folder: Path) -> str:
    """A path as it is written in a record in ``folder``: relative to it where both lie in ``whole``, so that this can be moved."""
    path, whole = path.resolve(), whole.resolve()
    return os.path.relpath(path, folder.resolve()) if path.is_relative_to(whole) else str(path)


def prediction_record(config: DeepLabConfig, checkpoint: Path, form: ImageForm) -> dict[str, Any]:
    """Everything that label maps without CRF depend on."""
    tags = {"tags": True} if config.test.true_tags else {}
    return {"checkpoint": file_fingerprint(checkpoint), **form.record(), **tags}


def chosen_checkpoint(config: DeepLabConfig) -> Path:
    """The checkpoint of ``-m``, else the one that the training of this configuration ends with."""
    if config.checkpoint:
        return existing_checkpoint(Path(config.checkpoint))
    if not config.final_checkpoint.is_file():
        raise CheckpointError(f"there is no checkpoint {config.final_checkpoint}; train first, or give one with -m")
    return config.final_checkpoint


def existing_checkpoint(path: Path) -> Path:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}; correct -m")
    return path
