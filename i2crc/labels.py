"""The initial pseudo labels, from attention maps and saliency (i2crc spec, section 6.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.bounds import bounded, bounded_share, require_bounds
from common.cam.attention_files import attention_bytes
from common.data.colours import Uint8
from common.data.palette import IGNORE_LABEL
from common.errors import DataError
from common.pseudo_labels.labels import Keys, LabelMap
from common.pseudo_labels.refinement import ignored_if_small
from common.pseudo_labels.rule import Evidence

EPSILON = 1e-8


@dataclass
class InitialLabelConfig:
    """How attention and saliency become labels.

    Args:
        least_score: scores below it count nothing; where all do, the label is background.
        conflict_score: pixels with two scores above it are ignored.
        object_score: where a class's score exceeds it, the pixel counts as salient.
        salient_grey: background where the grey value of saliency (0..255) is below it; the other background pixels are ignored.
        least_foreground: labels whose foreground covers a smaller share of the image are ignored altogether.
    """

    least_score: float = bounded_share(0.3)
    conflict_score: float = bounded_share(0.9)
    object_score: float = bounded_share(0.5)
    salient_grey: int = bounded(32, least=0, most=255)
    least_foreground: float = bounded_share(0.01)

    def __post_init__(self) -> None:
        require_bounds(self, "labels")


def initial_label(
    saliency: Uint8, keys: Keys, attention: np.ndarray, config: InitialLabelConfig | None = None
) -> LabelMap:
    """Background where little is salient, the strongest class or background elsewhere, and what is unsure ignored.

    Args:
        saliency: uint8 H x W.
        keys: K 0-based class numbers in ascending order; class k becomes label k + 1.
        attention: K x H x W in 0..255, uint8 or float; each map is stretched from its minimum to its maximum.

    Returns:
        uint8 H x W: 0 background, 1..C classes, 255 ignored.

    Raises:
        DataError: maps and saliency have different sizes, or a map holds NaN.
    """
    config = config or InitialLabelConfig()
    if attention.shape != (len(keys), *saliency.shape):
        raise DataError(f"attention {attention.shape} does not fit {len(keys)} classes and saliency {saliency.shape}")
    if not np.isfinite(attention).all():
        raise DataError("an attention map holds NaN or infinite values; compute it again")
    scores = np.empty((len(keys) + 1, *saliency.shape), np.float32)
    # In single precision throughout: ties with a class are decided by its last digit.
    scores[0] = 1 - saliency.astype(np.float32) / 255
    salient = saliency >= config.salient_grey
    for number, one in enumerate(attention, 1):
        low, high = float(one.min()), float(one.max())
        stretched = (one - low) / (high - low + EPSILON)
        scores[number] = stretched
        salient |= stretched > config.object_score
    scores[scores < np.float32(config.least_score)] = 0
    conflict = (scores > np.float32(config.conflict_score)).sum(0) > 1
    label_of = np.append(np.zeros(1, np.uint8), np.asarray(keys, np.uint8) + np.uint8(1))
    label_map = label_of[scores.argmax(0)]
    label_map[conflict | ((label_map == 0) & salient)] = IGNORE_LABEL
    return ignored_if_small(label_map, config.least_foreground)


class InitialLabels:
    """``evidence -> label map``: :func:`initial_label` of the maps, at the precision of their published files, and saliency.

    Args:
        eight_bits: whether the maps have 8 bits.
    """

    def __init__(self, config: InitialLabelConfig, eight_bits: bool) -> None:
        self.config, self.eight_bits = config, eight_bits

    def __call__(self, evidence: Evidence) -> LabelMap:
        keys, maps = evidence.cams
        assert evidence.saliency is not None
        attention = attention_bytes(maps) if self.eight_bits else maps * np.float32(255)
        return initial_label(evidence.saliency, keys, attention, self.config)
