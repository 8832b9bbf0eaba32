"""Labels of a second round: a segmentation network's predictions, put right by the tags and by the labels it learnt from.

I2CRC's "object guided label refinement" (i2crc spec, section 6.4), for the labels of any method.
"""

from __future__ import annotations

import numpy as np

from common.data.palette import IGNORE_LABEL
from common.errors import DataError
from common.pseudo_labels.labels import Keys, LabelMap
from common.pseudo_labels.rule import Evidence

# A label map with less foreground than this share of the image is ignored altogether.
LEAST_SHARE = 0.01


def ignored_if_small(label_map: LabelMap, least_share: float) -> LabelMap:
    """The label map uint8 H x W, or 255 everywhere where its foreground covers less than ``least_share`` of the image."""
    foreground = (label_map > 0) & (label_map != IGNORE_LABEL)
    if foreground.sum() / label_map.size < least_share:
        return np.full_like(label_map, IGNORE_LABEL)
    return label_map


def refined_label(prediction: LabelMap, initial: LabelMap, keys: Keys, least_share: float = LEAST_SHARE) -> LabelMap:
    """The prediction, ignored where it names a class that the image does not have.

    In an image of several tags its background gives way to the initial label. Where a tagged class has no pixel, background is
    ignored: it may be there.

    Args:
        prediction: uint8 H x W, 0 background, 1..C classes, 255 ignored.
        initial: uint8 H x W, what the network learnt from.
        keys: 0-based class numbers of the image's tags.
        least_share: see :func:`ignored_if_small`.

    Returns:
        uint8 H x W.

    Raises:
        DataError: the two have different sizes.
    """
    if prediction.shape != initial.shape:
        raise DataError(f"the prediction is {prediction.shape}, the label map it learnt from {initial.shape}")
    labels = np.asarray(keys) + 1
    refined = np.where(np.isin(prediction, [0, *labels]), prediction, IGNORE_LABEL).astype(np.uint8)
    if len(labels) > 1:
        refined = np.where((refined == 0) & (initial != 0), initial, refined)
    if not np.isin(labels, refined).all():
        refined[refined == 0] = IGNORE_LABEL
    return ignored_if_small(refined, least_share)


def refined_evidence(evidence: Evidence) -> LabelMap:
    """:func:`refined_label` as a label rule: the first label map is the initial one, the second the prediction."""
    initial, prediction = evidence.labels
    return refined_label(prediction, initial, evidence.cams.keys)
