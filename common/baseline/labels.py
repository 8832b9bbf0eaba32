"""Stage 3: pseudo labels from CAMs, with or without saliency, with or without a CRF."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from common.baseline.config import BaselineConfig, LabelConfig
from common.cam.files import read_cams
from common.config import config_to_dict
from common.data.images import read_image, read_label_map, read_saliency
from common.data.layout import DatasetLayout, open_layout
from common.data.palette import write_label_map
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import ConfigError, DataError
from common.files import read_json, write_json
from common.metrics.selection import score_labels
from common.metrics.sweep import CamSample, sweep_background_threshold
from common.pseudo_labels import background
from common.pseudo_labels.crf import refine_labels, refine_maps
from common.pseudo_labels.labels import pseudo_label

THRESHOLDS = tuple(round(0.01 * step, 2) for step in range(5, 71))


class LabelMaker:
    """``id -> label map`` (uint8, H x W); runs in worker processes, as the CRF needs the time."""

    def __init__(self, layout: DatasetLayout, cam_folder: Path, config: LabelConfig) -> None:
        self.layout, self.cam_folder, self.config = layout, cam_folder, config

    def __call__(self, image_id: str) -> np.ndarray:
        config = self.config
        keys, maps = read_cams(self.cam_folder / f"{image_id}.npz")
        scores = self.background_scores(image_id, maps)
        if config.crf == "cam":
            maps, scores = refine_maps(read_image(self.layout.image_path(image_id)), maps, scores)
        label_map = pseudo_label(maps, keys, scores)
        if config.crf == "label":
            image = read_image(self.layout.image_path(image_id))
            label_map = refine_labels(image, label_map, [0, *(int(key) + 1 for key in keys)])
        return label_map

    def background_scores(self, image_id: str, maps: np.ndarray) -> np.ndarray:
        """H x W scores to hold against the maps."""
        size = (maps.shape[1], maps.shape[2])
        if self.config.background == "power":
            return background.power(maps, self.config.alpha)
        if self.config.background == "constant":
            return background.constant(self.config.threshold, size)
        saliency = read_saliency(self.layout.saliency_path(image_id))
        if saliency.shape != size:
            raise DataError(
                f"{image_id}: the saliency map is {saliency.shape} but the image is {size} (height, width); "
                "make them the same size"
            )
        return background.saliency_mask(saliency, self.config.saliency_threshold)


def make_labels(config: BaselineConfig) -> StageReport:
    """Write ``labels/<kind>/<id>.png`` for every image of the list."""
    layout = open_layout(config.data)
    if config.labels.background == "saliency" and not config.labels.saliency_source:
        raise ConfigError("labels.saliency_source is empty: say which network and data made the saliency maps")
    cam_stage = config.cam_folder / STAGE_FILE
    if not cam_stage.exists():
        raise DataError(f"no CAMs in {config.cam_folder}; run the cam stage first")
    with start_session("cpu") as session:
        labels = config.labels
        if labels.background == "constant" and labels.choose_threshold:
            session.on_main(lambda: sweep_threshold(config, layout))
            labels = dataclasses.replace(labels, threshold=read_json(config.sweep_file)["best"])
        settings = {"cams": read_json(cam_stage), "labels": config_to_dict(labels)}
        if labels.background == "saliency":
            settings["saliency"] = str(layout.saliency)
        return images_to_files(
            layout.ids(config.split),
            LabelMaker(layout, config.cam_folder, labels),
            write_label_map,
            OutputFolder(config.label_folder, ".png", settings, config.force),
            session,
            workers=config.engine.workers,
            title=f"pseudo labels, {labels.method}",
        )


def sweep_threshold(config: BaselineConfig, layout: DatasetLayout) -> float:
    """The constant background score that is best against the masks of the list; the sweep goes to ``sweep_file``."""

    def sample(image_id: str) -> CamSample:
        keys, maps = read_cams(config.cam_folder / f"{image_id}.npz")
        return CamSample(read_label_map(layout.mask_path(image_id)), keys, maps)

    labels, names = score_labels(layout.classes, config.score_classes)
    sweep = sweep_background_threshold(
        sample, layout.ids(config.split), THRESHOLDS, layout.n_classes + 1, labels=labels, names=names
    )
    miou = [100 * scores.mean_iou for scores in sweep.scores]
    best = sweep.thresholds[sweep.best]
    write_json(
        config.sweep_file, {"thresholds": sweep.thresholds, "miou": miou, "best": best, "n_images": sweep.n_images}
    )
    print(
        f"background threshold {best:.2f}: {max(miou):.1f} mIoU, the best of {len(miou)} against the masks of "
        f"{sweep.n_images} images"
    )
    return best
