"""One chain of a comparison: the method from tags to scores, then the counts of every image that its differences need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from common.compare.choices import Choices, method_of_chain, settings_of_chain, with_last_checkpoints
from common.compare.paired import count_images, write_counts
from common.compare.plan import Chain
from common.data.layout import DatasetLayout, open_layout
from common.files import write_json
from common.locks import only_writer
from common.method.ablation import share_trainings
from common.method.method import Method, Variant
from common.method.registry import PLAIN_CAM
from common.method.reproduce import reproduce
from common.method.segmentation import Segmentation, outputs_of_segmentation
from common.method.settings import with_values
from common.metrics.selection import score_labels
from common.paths import path_of_id
from common.report.results import Result, read_results
from common.report.table import REFERENCE_ROWS

COUNTS, COUNTS_INDEX = "counts", "index.json"


class ScoredMaps(NamedTuple):
    """Label maps that a result is about.

    Attributes:
        result: the record.
        layout, split: the dataset and its list.
        folder: of the label maps.
    """

    result: Result
    layout: DatasetLayout
    split: str
    folder: Path


def run_chain(chain: Chain, choices: Choices) -> int:
    """Run or continue it.

    Returns:
        1 when an image failed, else 0.

    Raises:
        ToolboxError: a stage cannot work.
    """
    method = method_of_chain(chain)
    settings, folder = with_last_checkpoints(settings_of_chain(method, chain, choices)), choices.folder_of(chain)
    if chain.after and method.name == PLAIN_CAM:
        # Its classifier never sees a saliency map.
        share_trainings(method, settings, choices.out / chain.after, folder, Variant(row=""))
    status = reproduce(method, settings, until="segmentation")
    with only_writer(folder / COUNTS):
        write_all_counts(folder / COUNTS, method, settings)
    return status


def write_all_counts(folder: Path, method: Method, settings: Any) -> None:
    """Count every image of every result of the chain, and write down which file is of which result."""
    index = []
    for number, maps in enumerate(scored_maps(method, settings)):
        labels, _ = score_labels(maps.layout.classes, settings.report.score_classes)
        label_maps = maps.folder
        counts = count_images(
            maps.layout.mask_path,
            lambda one, folder=label_maps: path_of_id(folder, one, ".png"),  # type: ignore[misc]
            maps.layout.ids(maps.split),
            labels,
            maps.layout.n_classes + 1,
            maps.layout.upright,
        )
        write_counts(folder / f"{number}.npz", counts)
        index.append(identity_of(maps.result))
    write_json(folder / COUNTS_INDEX, index)


def identity_of(result: Result) -> dict[str, str]:
    """What tells a result of a chain from its others."""
    return {name: getattr(result, name) for name in ("method", "stage", "split", "threshold_choice")}


def scored_maps(method: Method, settings: Any) -> Iterator[ScoredMaps]:
    """The label maps behind every result of the chain but the floor; label maps without masks have none."""
    labels = method.labels
    for kind in method.every_kind(settings):
        file = labels.report_folder(kind) / "results.json"
        if not file.is_file():
            continue
        # Of two thresholds that were scored the one that made the label maps.
        named = (labels.row(kind), labels.column(kind), labels.made(kind)["result"]["threshold_choice"])
        found = [one for one in read_results(file) if (one.method, one.stage, one.threshold_choice) == named]
        if found and found[-1].split == kind.split:
            yield ScoredMaps(found[-1], labels.layout(kind), kind.split, labels.folder(kind))
    layout = open_layout(settings.data)
    for out in outputs_of_trainings(method, settings):
        for file in sorted(out.glob("scores/*/*/*/results.json")):
            network = file.parent.relative_to(out / "scores")
            for result in read_results(file):
                kind = "crf" if result.stage.endswith("+ CRF") else "label"
                maps = out / "features" / network / kind
                if REFERENCE_ROWS.get(result.method) != "floor" and result.split in layout.lists and maps.is_dir():
                    yield ScoredMaps(result, layout, result.split, maps)


def outputs_of_trainings(method: Method, settings: Any) -> list[Path]:
    """Folders of the outputs of all segmentation networks of a chain."""
    own = [stage.job(settings).out for stage in method.of_kind(Segmentation)]
    sets = [outputs_of_segmentation(with_values(settings, one.values)) for one in method.label_sets(settings)]
    return list(dict.fromkeys([*own, *sets]))
