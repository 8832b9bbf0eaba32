"""The background threshold that is best against the masks of a list: tried, printed and written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from common.cam.files import Cams
from common.data.images import read_label_map
from common.data.layout import DatasetLayout
from common.errors import DataError
from common.files import write_json
from common.metrics.selection import score_labels
from common.metrics.sweep import CamSample, sweep_background_threshold
from common.records import read_record

SWEEP_FILE = "threshold_sweep.json"


class TriedThresholds(NamedTuple):
    """The thresholds of a sweep, the mIoU in percent of each, and the best of them."""

    tried: list[float]
    miou: list[float]
    best: float


def read_sweep(file: Path) -> TriedThresholds:
    """What :func:`write_sweep` wrote.

    Raises:
        DataError: the file is damaged.
    """
    shape = {"thresholds": "list[float]", "miou": "list[float]", "best": "share"}
    record = read_record(file, shape, "delete it and run the stage that looks for the threshold again")
    if len(record["thresholds"]) != len(record["miou"]):
        raise DataError(
            f"{file} has other numbers of thresholds and scores; delete it and look for the threshold again"
        )
    return TriedThresholds(record["thresholds"], record["miou"], record["best"])


def write_sweep(
    file: Path,
    layout: DatasetLayout,
    split: str,
    read_maps: Callable[[str], Cams],
    thresholds: Sequence[float],
    score_classes: Sequence[str],
) -> None:
    """Try constant background scores on maps of image size.

    Args:
        file: ``thresholds``, ``miou`` in percent of each, the ``best``, ``n_images``.
        split: the list.
        read_maps: ``id -> maps``.
        score_classes: names to score, empty for all.
    """

    def sample(image_id: str) -> CamSample:
        return CamSample(read_label_map(layout.mask_path(image_id), layout.upright), *read_maps(image_id))

    labels, names = score_labels(layout.classes, score_classes)
    ids = layout.ids(split)
    sweep = sweep_background_threshold(sample, ids, thresholds, layout.n_classes + 1, labels=labels, names=names)
    miou = [100 * scores.mean_iou for scores in sweep.scores]
    best = sweep.thresholds[sweep.best]
    left_out = {"left_out": list(sweep.left_out)} if sweep.left_out else {}
    record = {"thresholds": sweep.thresholds, "miou": miou, "best": best, "n_images": sweep.n_images}
    write_json(file, record | left_out)
    print(
        f"background threshold {best:.2f}: {max(miou):.1f} mIoU, the best of {len(miou)} against the masks of "
        f"{sweep.n_images} images"
    )
