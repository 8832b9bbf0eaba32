"""The two ways to look for a constant background score: from tags alone, or against masks (the oracle, which nobody has who needs
pseudo labels). Where there are masks, both are scored."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.cam.files import Cams
from common.data.images import read_label_map
from common.data.layout import DatasetLayout
from common.errors import DataError
from common.method.sweep import SWEEP_FILE, read_sweep, write_sweep
from common.method.tag_threshold import read_tag_threshold, tag_threshold_file, write_tag_threshold
from common.metrics.confusion import Matrix
from common.metrics.sweep import CamSample, threshold_matrices
from common.report.record import list_name
from common.report.results import NONE, Result

ReadCams = Callable[[str], Cams]


def from_tags(name: str) -> str:
    """How a result says that its threshold was chosen by tags alone on a list."""
    return f"from tags alone on {name}"


def from_masks(name: str) -> str:
    """How a result says that its threshold was chosen by the masks of a list."""
    return f"best on {name} against its masks"


def words_of(choice: str, name: str) -> str:
    """How a result says that its threshold was looked for on a list: ``choice`` is tags or oracle."""
    return {"tags": from_tags, "oracle": from_masks}[choice](name)


def look_for(
    settings: Any, layout: DatasetLayout, folder: Path, read_maps: ReadCams, thresholds: Sequence[float]
) -> None:
    """Find the constant background score as ``labels.choose_threshold`` says, and write what was tried into a file of ``folder``.

    Args:
        read_maps: ``id -> maps`` of image size.
        thresholds: those that are tried, ascending.
    """
    if settings.labels.choose_threshold == "oracle":
        sweep_masks(settings, layout, folder, read_maps, thresholds)
    else:
        split_by_tags(settings, layout, folder, read_maps, thresholds, settings.labels.crf)


def sweep_masks(
    settings: Any, layout: DatasetLayout, folder: Path, read_maps: ReadCams, thresholds: Sequence[float]
) -> None:
    write_sweep(folder / SWEEP_FILE, layout, settings.split, read_maps, thresholds, settings.report.score_classes)


def split_by_tags(
    settings: Any, layout: DatasetLayout, folder: Path, read_maps: ReadCams, thresholds: Sequence[float], crf: str
) -> None:
    """A CRF that follows looks at the colours itself."""
    file = tag_threshold_file(folder, crf == NONE)
    write_tag_threshold(file, layout, settings.split, read_maps, thresholds, colours=crf == NONE)


def with_threshold(settings: Any, folder: Path, stage: str) -> Any:
    """The settings with the threshold that :func:`look_for` found.

    Raises:
        DataError: it was not looked for yet.
    """
    oracle = settings.labels.choose_threshold == "oracle"
    file = folder / SWEEP_FILE if oracle else tag_threshold_file(folder, settings.labels.crf == NONE)
    if not file.is_file():
        what = "threshold sweep" if oracle else "threshold from tags"
        raise DataError(f"no {what} {file}; run the stage {stage} first")
    threshold = read_sweep(file).best if oracle else read_tag_threshold(file).best
    return dataclasses.replace(settings, labels=dataclasses.replace(settings.labels, threshold=threshold))


def at_other_threshold(
    stated: Mapping[str, Any],
    settings: Any,
    layout: DatasetLayout,
    ids: Sequence[str],
    folder: Path,
    read_maps: ReadCams,
    thresholds: Sequence[float],
) -> list[tuple[Matrix, dict[str, Any]]]:
    """What label maps whose threshold was looked for would score with the threshold of the other way, where there are masks.

    Args:
        stated: what the result of the label maps says of them.
        ids: the images to score.

    Returns:
        At most one confusion matrix (int64 [n, n + 1]) with what its result says; none where the threshold was not looked for, a
        CRF follows, or the maps are not there any more.
    """
    name = list_name(layout, settings.split)
    looked_for = stated["threshold_choice"] in (from_tags(name), from_masks(name))
    if not looked_for or stated["crf"] != NONE:
        return []
    try:
        if stated["threshold_choice"] == from_masks(name):
            split_by_tags(settings, layout, folder, read_maps, thresholds, NONE)
            threshold, words = read_tag_threshold(tag_threshold_file(folder, True)).best, from_tags(name)
        else:
            sweep_masks(settings, layout, folder, read_maps, thresholds)
            threshold, words = read_sweep(folder / SWEEP_FILE).best, from_masks(name)
        matrix = matrix_of_threshold(layout, ids, read_maps, threshold)
    except DataError as error:
        print(f"note: the other way to choose the threshold is not scored: {error}", file=sys.stderr)
        return []
    return [(matrix, {**stated, "threshold": threshold, "threshold_choice": words})]


def matrix_of_threshold(layout: DatasetLayout, ids: Sequence[str], read_maps: ReadCams, threshold: float) -> Matrix:
    """The confusion matrix (int64 [n, n + 1]) of the strongest class, or background where no map is above a threshold."""

    def sample(image_id: str) -> CamSample:
        return CamSample(read_label_map(layout.mask_path(image_id), layout.upright), *read_maps(image_id))

    (matrix,) = threshold_matrices(sample, ids, [threshold], layout.n_classes + 1)
    return matrix


def print_both(results: Sequence[Result]) -> None:
    """The two thresholds and their scores beside each other, where there are two."""
    if len(results) == 2:
        ordered = sorted(results, key=lambda one: one.oracle)
        said = [f"{one.threshold:.2f} {one.threshold_in_words}: {one.miou:.1f} mIoU" for one in ordered]
        print(f"background threshold {'; '.join(said)}")
