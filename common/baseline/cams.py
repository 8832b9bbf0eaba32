"""Stage 2: class activation maps of the listed images."""

from __future__ import annotations

from common.baseline.classifier import load_classifier, training_settings
from common.baseline.config import BaselineConfig
from common.cam.files import write_cams
from common.cam.inference import CamInference, PyramidLoader
from common.config import config_to_dict
from common.data.dataset import ListedImages
from common.data.images import image_size
from common.data.layout import DatasetLayout, open_layout
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError


def compute_cams(config: BaselineConfig) -> StageReport:
    """Write ``cams/<id>.npz`` for every image of the list."""
    layout = open_layout(config.data)
    with start_session(config.engine.device) as session:
        network = load_classifier(config, layout)
        ids = ids_by_size(layout, layout.ids(config.split))
        images = ListedImages(layout, ids, parts={"tags"})
        settings = {"classifier": training_settings(config), "cam": config_to_dict(config.cam)}
        return images_to_files(
            ids,
            PyramidLoader(images, config.cam),
            write_cams,
            OutputFolder(config.cam_folder, ".npz", settings, config.force),
            session,
            compute=CamInference(network, config.cam, session.device),
            batch_size=config.cam.batch_size,
            workers=config.engine.workers,
            title="CAMs",
        )


def ids_by_size(layout: DatasetLayout, ids: list[str]) -> list[str]:
    """Ids ordered so that images of one size are neighbours and share their passes; unreadable ones come last."""

    def size(image_id: str) -> tuple[int, int]:
        try:
            return image_size(layout.image_path(image_id))
        except DataError:
            # The stage itself reports the image by name.
            return (1 << 30, 1 << 30)

    return sorted(ids, key=lambda image_id: (size(image_id), image_id))
