"""One picture of the whole chain: a few images, each from tags to masks in one row."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from common.report.html import Example
from common.visual.panels import as_rgb, side_by_side

# Panel title of the report -> heading in the picture, in the order of the chain.
COLUMNS = {
    "image": "image",
    "saliency": "saliency",
    "CAM": "CAM (first tag)",
    "pseudo label: plain CAM": "plain CAM label",
    "pseudo label: CAM x saliency": "CAM x saliency label",
    "DeepLab-v2: CAM x saliency": "DeepLab-v2 from it",
    "ground truth": "ground truth",
}
WIDTH = 168


def chain_sheet(examples: Sequence[Example], rows: int = 3) -> np.ndarray:
    """A sheet, uint8 [H, W, 3] RGB, with one row per example and the columns that the examples have."""
    chosen = [columns_of(example) for example in examples[:rows]]
    shared = [title for title in COLUMNS.values() if all(title in row for row in chosen)]
    pictures = [enlarge(row[title]) for row in chosen for title in shared]
    return side_by_side(pictures, shared * len(chosen), columns=len(shared))


def columns_of(example: Example) -> dict[str, np.ndarray]:
    """Heading -> picture (uint8 [H, W, 3] or [H, W]); of several CAMs the first."""
    found: dict[str, np.ndarray] = {}
    for panel in example.panels:
        heading = COLUMNS.get("CAM" if panel.title.startswith("CAM: ") else panel.title)
        if heading:
            found.setdefault(heading, panel.image)
    return found


def enlarge(image: np.ndarray) -> np.ndarray:
    """uint8 [h, WIDTH, 3] of a picture uint8 [H, W, 3] or [H, W]; small pictures keep their pixels visible."""
    height = round(image.shape[0] * WIDTH / image.shape[1])
    method = cv2.INTER_NEAREST if image.shape[1] < WIDTH else cv2.INTER_AREA
    return cv2.resize(as_rgb(image), (WIDTH, height), interpolation=method)
