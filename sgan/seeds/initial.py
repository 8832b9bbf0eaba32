"""Stage 0: initial seeds from a classifier's CAMs and saliency (inferred from names and issues; sgan spec, section 1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.cam.files import read_cams
from common.data.images import read_saliency
from common.data.layout import DatasetLayout
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError
from common.files import read_json
from sgan.data.folders import initial_seed_folder, open_dataset
from sgan.seeds.cues import paint_cues, sec_cues
from sgan.seeds.image import seed_rule
from sgan.seeds.infer import write_grey
from sgan.settings import SganConfig


def cam_folder(config: SganConfig) -> Path:
    """The CAMs of stage 0."""
    return Path(config.stage0.cams) if config.stage0.cams else Path(config.stage0.classifier) / "cams"


class InitialSeed:
    """``id -> seed`` (uint8, H x W): CAM above a share of its maximum, background where saliency is low."""

    def __init__(self, config: SganConfig, layout: DatasetLayout) -> None:
        self.config, self.layout = config, layout
        self.overruled = seed_rule(config, layout).overruled

    def __call__(self, image_id: str) -> npt.NDArray[np.uint8]:
        keys, maps = read_cams(cam_folder(self.config) / f"{image_id}.npz")
        saliency = read_saliency(self.layout.saliency_path(image_id)).astype(np.float32) / np.float32(255)
        if maps.shape[1:] != saliency.shape:
            raise DataError(
                f"{image_id}: the CAM is {maps.shape[1:]} but the saliency map {saliency.shape}; make them fit"
            )
        all_maps = np.zeros((self.layout.n_classes, *saliency.shape), np.float32)
        all_maps[keys] = maps
        config = self.config
        cues = sec_cues(all_maps, saliency, list(keys), config.stage0.threshold, config.sal_thresh)
        return paint_cues(cues, self.overruled)


def make_initial_seeds(config: SganConfig) -> StageReport:
    """Write ``<root>/ini_seed/<seed_subdir>/<id>.png`` (8-bit grey, C + 1 unlabelled) for every image of the list.

    Raises:
        DataError: there are no CAMs or no saliency maps.
        ConfigError: the folder holds seeds made otherwise.
    """
    layout = open_dataset(config, config.sdnet_path)
    cams = cam_folder(config)
    if not cams.is_dir():
        raise DataError(
            f"there are no CAMs in {cams}; make them with python -m common.baseline cam, or set stage0.cams"
        )
    settings = {
        "cams": read_json(cams / STAGE_FILE) if (cams / STAGE_FILE).exists() else str(cams),
        "threshold": config.stage0.threshold,
        "sal_thresh": config.sal_thresh,
        "overruled": config.seeds.overruled,
    }
    with start_session("cpu") as session:
        return images_to_files(
            sorted(layout.ids("train")),
            InitialSeed(config, layout),
            write_grey,
            OutputFolder(initial_seed_folder(config), ".png", settings, config.force),
            session,
            workers=config.num_worker,
            title="initial seeds",
        )
