"""What the paper's figure shows of an image: where its saliency and its pseudo label agree, and whether saliency replaces the label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from common.data.colours import Uint8
from common.errors import DataError
from common.pseudo_labels.labels import LabelMap
from common.report.html import Panel
from sod_wsss.label_rules import SelectorConfig, select_salient, threshold_of

# Colours of pixels in both, in the saliency map alone, in the label alone.
BOTH, SALIENT_ALONE, LABELLED_ALONE = (60, 180, 75), (230, 60, 60), (60, 100, 230)
PAINT_OPACITY = 0.6


def painted(image: Uint8, where: npt.NDArray[np.bool_], colour: Sequence[int]) -> Uint8:
    """uint8 H x W x 3 with a colour laid over the pixels of H x W."""
    mixed = (1 - PAINT_OPACITY) * image + PAINT_OPACITY * np.array(colour)
    return np.where(where[..., None], mixed, image).astype(np.uint8)


def agreement_picture(image: Uint8, salient: npt.NDArray[np.bool_], labelled: npt.NDArray[np.bool_]) -> Uint8:
    """The image in grey, with the pixels of both masks H x W in green, of saliency alone in red, of the label alone in blue.

    Raises:
        DataError: the sizes differ.
    """
    if not image.shape[:2] == salient.shape == labelled.shape:
        raise DataError(f"image, saliency and label are {image.shape[:2]}, {salient.shape}, {labelled.shape}")
    grey = np.repeat(image.mean(2, keepdims=True), 3, axis=2).astype(np.uint8)
    shown = painted(grey, salient & labelled, BOTH)
    shown = painted(shown, salient & ~labelled, SALIENT_ALONE)
    return painted(shown, labelled & ~salient, LABELLED_ALONE)


def selection_panels(
    image: Uint8,
    saliency: Uint8,
    label_map: LabelMap,
    classes: Sequence[int],
    class_names: Sequence[str],
    config: SelectorConfig,
) -> Iterator[Panel]:
    """Agreement of saliency and base label, and what the selector decides.

    Args:
        classes: the image's, 1..C.
        class_names: in label order, without the background.
    """
    salient = config.is_salient(saliency)
    shown = agreement_picture(image, salient, np.isin(label_map, list(classes)))
    if len(classes) != 1:
        yield Panel("saliency and base label: several classes, kept", shown)
        return
    threshold = threshold_of(config, class_names[classes[0] - 1])
    selection = select_salient(label_map, salient, classes, threshold)
    decision = "kept" if selection.label_map is label_map else "replaced"
    yield Panel(f"saliency and base label: IoU {selection.iou:.2f}, {decision}", shown)
