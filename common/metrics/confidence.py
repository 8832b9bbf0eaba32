"""How sure a network is of its own label map, in two numbers per image; no true mask is needed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.crf.unary import Floats
from common.errors import DataError
from common.files import read_json, write_json

CONFIDENCE_SUFFIX = ".confidence.json"
LEAST_PROBABILITY = 1e-12
# Labels below this share of an image are noise, whose overlap says nothing about the rest.
LEAST_SEEN = 0.002


class Confidence(NamedTuple):
    """Two numbers, each 0..1.

    Attributes:
        entropy: of the probabilities, divided by that of equal ones; a mean over the pixels, weighted by how likely an object is there.
        expected_overlap: intersection over union of the label map with the truth, were the probabilities right; a mean over the labels seen.
    """

    entropy: float
    expected_overlap: float


def confidence_of(scores: Floats) -> Confidence:
    """Of probabilities C x H x W, background first; they need not add up to 1 exactly."""
    probabilities = np.maximum(scores, LEAST_PROBABILITY) / np.maximum(scores, LEAST_PROBABILITY).sum(0)
    entropy = -(probabilities * np.log(probabilities)).sum(0) / np.log(len(probabilities))
    of_objects = 1 - probabilities[0]
    weighted = float((entropy * of_objects).sum() / max(float(of_objects.sum()), LEAST_PROBABILITY))
    label_map = probabilities.argmax(0)
    counts = np.bincount(label_map.ravel(), minlength=len(probabilities))
    seen = np.flatnonzero(counts >= max(1.0, LEAST_SEEN * label_map.size))
    overlaps = []
    for label in seen:
        inside = float(probabilities[label][label_map == label].sum())
        overlaps.append(inside / (counts[label] + float(probabilities[label].sum()) - inside))
    return Confidence(min(1.0, max(0.0, weighted)), float(np.mean(overlaps)))


def write_confidence(path: Path, confidence: Confidence) -> None:
    write_json(path, {name: round(value, 4) for name, value in confidence._asdict().items()})


def read_confidence(path: Path) -> Confidence:
    """Read a file of :func:`write_confidence`.

    Raises:
        DataError: it is not there, broken, or holds something else.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        content = {}
    values = [
        value for name in Confidence._fields if isinstance(value := content.get(name), (int, float)) and 0 <= value <= 1
    ]
    if len(values) < len(Confidence._fields):
        raise DataError(f"{path} does not hold {' and '.join(Confidence._fields)} of 0..1; delete it and predict again")
    return Confidence(*values)
