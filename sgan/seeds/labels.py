"""Seeds as shared label maps, which any segmentation trainer takes: palette PNG, 255 where nothing is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import read_label_map
from common.data.layout import DatasetLayout, open_layout
from common.data.palette import IGNORE_LABEL, write_label_map
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError
from common.files import read_json
from sgan.data.masked_ids import masked_ids
from sgan.seeds.folders import label_folder
from sgan.settings import SganConfig


class LabelMap:
    """``id -> label map`` (uint8, H x W): the seed with 255 for C + 1, or the true mask of an image that may use it."""

    def __init__(self, seeds: Path, layout: DatasetLayout, masked: frozenset[str]) -> None:
        self.seeds, self.layout, self.masked = seeds, layout, masked

    def __call__(self, image_id: str) -> npt.NDArray[np.uint8]:
        if image_id in self.masked:
            return read_label_map(self.layout.mask_path(image_id))
        path = self.seeds / f"{image_id}.png"
        seed = read_label_map(path)
        unlabelled = self.layout.n_classes + 1
        if seed.max() > unlabelled:
            raise DataError(
                f"{path} holds {seed.max()}, but seeds of this dataset end at {unlabelled}; make them again"
            )
        return with_ignored(seed, self.layout.n_classes)


def with_ignored(seed: npt.NDArray[np.uint8], n_classes: int) -> npt.NDArray[np.uint8]:
    """A seed as a label map: unlabelled pixels hold the ignore label."""
    return np.where(seed > n_classes, IGNORE_LABEL, seed).astype(np.uint8)


def make_label_maps(config: SganConfig) -> StageReport:
    """Write ``<seeds>_labels/<id>.png`` for every image of the list.

    Raises:
        DataError: there are no seeds.
    """
    layout = open_layout(config.data)
    stage_file = config.seed_folder / STAGE_FILE
    if not stage_file.exists():
        raise DataError(f"no seeds in {config.seed_folder}; run tools/stage2/infer_cam.py first")
    masked = masked_ids(config.semi, layout) if config.semi.masks_as_labels else frozenset()
    settings = {"seeds": read_json(stage_file), "masked": sorted(masked)}
    with start_session("cpu") as session:
        return images_to_files(
            sorted(layout.ids("train")),
            LabelMap(config.seed_folder, layout, masked),
            write_label_map,
            OutputFolder(label_folder(config.seed_folder), ".png", settings, config.force),
            session,
            workers=config.num_worker,
            title="label maps",
        )
