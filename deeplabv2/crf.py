"""``main.py crf``: dense CRF on the logits of ``test``, and the scores after it."""

from __future__ import annotations

import numpy as np
import torch

from common.config import config_to_dict
from common.crf.inference import dense_crf
from common.crf.unary import unary_from_probabilities
from common.data.images import read_image
from common.data.layout import DatasetLayout, open_layout
from common.data.palette import write_label_map
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError
from common.files import read_json
from deeplabv2.networks.msc import enlarge
from deeplabv2.scores import score_folder
from deeplabv2.settings import DeepLabConfig


class CrfOnLogits:
    """``id -> label map`` (uint8, H x W); runs in worker processes.

    Softmax of the bilinearly enlarged logits, then the CRF on the image as BGR (deeplabv2 spec, section 12.2 row 1, with the
    true uint8 image, section 10 row 1).
    """

    def __init__(self, config: DeepLabConfig, layout: DatasetLayout) -> None:
        self.layout = layout
        self.logit_folder = config.features / "logit"
        self.settings = config.CRF.settings()

    def __call__(self, image_id: str) -> np.ndarray:
        image = read_image(self.layout.image_path(image_id))
        path = self.logit_folder / f"{image_id}.npy"
        if not path.exists():
            raise DataError(f"no logits {path}; run test first")
        logits = torch.from_numpy(np.load(path))[None]
        probabilities = enlarge(logits, image.shape[:2]).softmax(1)[0].numpy()
        q = dense_crf(np.ascontiguousarray(image[..., ::-1]), unary_from_probabilities(probabilities), self.settings)
        return q.argmax(0).astype(np.uint8)


def crf_predictions(config: DeepLabConfig) -> StageReport:
    """Refine the predictions of the VAL split, then score them."""
    layout = open_layout(config.data)
    test_stage = config.features / "label" / STAGE_FILE
    if not test_stage.exists():
        raise DataError(f"no predictions in {config.features}; run test first")
    settings = {"test": read_json(test_stage), "crf": config_to_dict(config.CRF)}
    with start_session("cpu") as session:
        report = images_to_files(
            layout.ids("val"),
            CrfOnLogits(config, layout),
            write_label_map,
            OutputFolder(config.features / "crf", ".png", settings, config.force),
            session,
            workers=config.DATALOADER.NUM_WORKERS,
            title="CRF",
        )
        if session.is_main and not report.failed:
            score_folder(config, layout, config.features / "crf", "scores_crf.json", crf=config.CRF.settings())
    return report
