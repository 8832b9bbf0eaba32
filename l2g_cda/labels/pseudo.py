"""Pseudo labels from attention maps (l2g_cda spec, section 6.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import image_size
from common.data.layout import DatasetLayout
from common.data.palette import write_label_map
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError
from common.files import read_json
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import LabelMap, pseudo_label
from l2g_cda.labels.attention_files import read_scores

Tags = Mapping[str, npt.NDArray[np.float32]]


class AttentionScores:
    """``id -> maps of its tagged classes`` in 0..1 (picklable)."""

    def __init__(self, layout: DatasetLayout, tags: Tags, folder: Path) -> None:
        self.layout, self.tags, self.folder = layout, tags, folder

    def __call__(self, image_id: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Class numbers [K], ascending, and maps float32 [K, H, W]."""
        keys = np.flatnonzero(self.tags[image_id])
        size = image_size(self.layout.image_path(image_id))
        return keys, read_scores(self.folder, image_id, keys.tolist(), size)


class AttentionLabels:
    """``id -> label map``: the strongest tagged class, background where none exceeds the threshold (picklable)."""

    def __init__(self, scores: AttentionScores, threshold: float) -> None:
        self.scores, self.threshold = scores, threshold

    def __call__(self, image_id: str) -> LabelMap:
        keys, maps = self.scores(image_id)
        return pseudo_label(maps, keys, constant(self.threshold, maps.shape[1:]))


def make_pseudo_labels(
    layout: DatasetLayout,
    ids: Sequence[str],
    attention_folder: Path,
    output: Path,
    threshold: float,
    *,
    force: bool = False,
    workers: int = 2,
) -> StageReport:
    """Write ``<id>.png`` (0 background, 1..C classes, never 255) for every image.

    The published code pairs two lists by line number to find an image's tags; here they go by id. An image whose
    attention map of a tagged class is missing is a failure of the report.

    Raises:
        DataError: there are no attention maps or no tags.
        ConfigError: the folder holds labels made with other settings.
    """
    if not attention_folder.is_dir():
        raise DataError(f"no attention maps: folder {attention_folder} does not exist; compute them first")
    stage = attention_folder / STAGE_FILE
    made_from = read_json(stage) if stage.exists() else {"folder": str(attention_folder)}
    scores = AttentionScores(layout, layout.read_tags(ids), attention_folder)
    with start_session("cpu") as session:
        return images_to_files(
            ids,
            AttentionLabels(scores, threshold),
            write_label_map,
            OutputFolder(output, ".png", {"attention": made_from, "threshold": threshold}, force),
            session,
            workers=workers,
            title="pseudo labels",
        )
