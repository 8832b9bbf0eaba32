"""Refine maps or label maps with the dense CRF, as the field's pseudo-label scripts do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from common.crf.inference import dense_crf
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_labels, unary_from_probabilities
from common.errors import DataError
from common.pseudo_labels.labels import LabelMap

Floats = npt.NDArray[np.float32]


def refine_maps(
    image: npt.NDArray[np.uint8],
    maps: npt.NDArray[np.floating],
    background: npt.NDArray[np.floating],
    settings: CrfSettings = PRESETS["cam"],
) -> tuple[Floats, Floats]:
    """CRF on [background, maps] taken as probabilities, without normalising them (EPS, DRS, SMAF).

    Args:
        image: uint8 HxWx3, RGB.
        maps: [K, H, W] in 0..1.
        background: [H, W] in 0..1, usually :func:`common.pseudo_labels.background.power`.

    Returns:
        refined maps float32 [K, H, W] and refined background [H, W]; they sum to 1 in every pixel and go to
        :func:`common.pseudo_labels.labels.pseudo_label`.
    """
    if background.shape != maps.shape[1:]:
        raise DataError(
            f"background scores {background.shape} do not fit maps {maps.shape}; expected [K, H, W] and [H, W]."
        )
    scores = np.concatenate([background[None].astype(np.float32), maps.astype(np.float32)])
    refined = dense_crf(image, unary_from_probabilities(scores), settings)
    return refined[1:], refined[0]


def refine_labels(
    image: npt.NDArray[np.uint8],
    label_map: LabelMap,
    labels: Sequence[int],
    settings: CrfSettings = PRESETS["label"],
    gt_prob: float = 0.7,
) -> LabelMap:
    """CRF on hard labels (IRN, CDA, AdvCAM; SMAF with all 21 labels).

    Args:
        image: uint8 HxWx3, RGB.
        label_map: uint8 HxW; every value must be in ``labels``.
        labels: distinct label numbers the CRF may choose from. The doubt 1 - gt_prob is shared by them, so
            0 + the image's classes (IRN) and ``range(21)`` (SMAF) give different results.

    Returns:
        uint8 HxW in the same label numbers.
    """
    numbers = np.asarray(labels, np.int64)
    if numbers.size == 0 or numbers.min() < 0 or numbers.max() > 255 or np.unique(numbers).size != numbers.size:
        raise DataError(f"labels {list(labels)} of the CRF must be distinct numbers in 0..255, at least one.")
    index_of = np.full(256, -1, np.int64)
    index_of[numbers] = np.arange(numbers.size)
    indices = index_of[label_map]
    if (indices < 0).any():
        raise DataError(
            f"label {label_map[indices < 0][0]} of the label map is not among the CRF's labels {list(labels)}."
        )
    refined = dense_crf(image, unary_from_labels(indices, numbers.size, gt_prob), settings)
    refined_labels: LabelMap = numbers.astype(np.uint8)[refined.argmax(axis=0)]
    return refined_labels
