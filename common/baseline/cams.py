"""Stage 2: class activation maps of the listed images."""

from __future__ import annotations

from typing import Any

from common.baseline.classifier import load_classifier, training_settings
from common.baseline.config import BaselineConfig
from common.cam.files import write_cams
from common.cam.inference import CamInference, PyramidLoader
from common.config import config_to_dict
from common.config_files import read_yaml
from common.data.dataset import ListedImages
from common.data.images import image_size
from common.data.layout import DatasetLayout, open_layout
from common.engine.inference import OutputFolder, StageReport, images_to_files
from common.engine.run_folder import describe_differences
from common.engine.session import start_session
from common.engine.settings import FREE_TO_CHANGE
from common.errors import ConfigError, DataError


def compute_cams(config: BaselineConfig) -> StageReport:
    """Write ``cams/<id>.npz`` for every image of the list."""
    layout = open_layout(config.data)
    with start_session(config.engine.device) as session:
        network = load_classifier(config, layout)
        ids = ids_by_size(layout, layout.ids(config.split))
        images = ListedImages(layout, ids, parts={"tags"})
        return images_to_files(
            ids,
            PyramidLoader(images, config.cam),
            write_cams,
            OutputFolder(config.cam_folder, ".npz", cam_settings(config), config.force),
            session,
            compute=CamInference(network, config.cam, session.device),
            batch_size=config.cam.batch_size,
            workers=config.engine.workers,
            title="CAMs",
        )


def cam_settings(config: BaselineConfig) -> dict[str, Any]:
    """Everything the CAMs depend on, without what only sets the pace.

    Raises:
        ConfigError: the classifier was trained with other settings than these.
    """
    trained, given = read_yaml(config.folder.config), training_settings(config)
    # The list and the places of the files may be others than in the training.
    for section in sorted(given.keys() - {"data", "split"}):
        changes = describe_differences({section: trained[section]}, {section: given[section]}, FREE_TO_CHANGE)
        if changes:
            raise ConfigError(
                f"the classifier in {config.out} was trained with other settings ({changes}); give those it was trained with"
            )
    engine = trained["engine"]
    trained["engine"] = {name: engine[name] for name in engine if f"engine.{name}" not in FREE_TO_CHANGE}
    return {
        "classifier": trained,
        "steps": config.engine.end_step,
        "data": {name: place for name, place in given["data"].items() if name not in ("masks", "saliency")},
        "split": config.split,
        "cam": {name: value for name, value in config_to_dict(config.cam).items() if name != "batch_size"},
    }


def ids_by_size(layout: DatasetLayout, ids: list[str]) -> list[str]:
    """Ids ordered so that images of one size are neighbours and share their passes; unreadable ones come last."""

    def size(image_id: str) -> tuple[int, int]:
        try:
            return image_size(layout.image_path(image_id))
        except DataError:
            # The stage itself reports the image by name.
            return (1 << 30, 1 << 30)

    return sorted(ids, key=lambda image_id: (size(image_id), image_id))
