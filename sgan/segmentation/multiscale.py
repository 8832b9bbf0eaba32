"""The published test: fixed square inputs, summed logits, softmax, dense CRF (sgan spec, section 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.crf.inference import Engine, dense_crf
from common.crf.presets import PRESETS
from common.crf.unary import unary_from_negated
from common.errors import ConfigError
from sgan.segmentation.pixels import ROUND_MEAN, caffe_tensor
from sgan.segmentation.resize import Edge, resize_aligned

Floats = npt.NDArray[np.float32]

MIDDLE = 385
FACTORS = (0.75, 1.0, 1.25)
SINGLE = 321
SMALLEST_PROBABILITY = 1e-5
# What the scores of an image's own labels gain where its tags are given: more than a probability can be.
TAG_BONUS = 1.0


def input_sides(multi_scale: bool, single: int = SINGLE, middle: int = MIDDLE) -> list[int]:
    """Sides of the square inputs in pixels: 288, 385 and 481, or 321 alone.

    Raises:
        ConfigError: a side is not positive.
    """
    sides = [int(factor * middle) for factor in FACTORS] if multi_scale else [single]
    if min(sides) < 1:
        raise ConfigError(f"inputs of {sides} pixels cannot be segmented; correct test.side and test.middle_side")
    return sides


def square_input(image: npt.NDArray[np.uint8], side: int, edge: Edge = "repaired") -> Tensor:
    """The whole image as a square, aspect ratio not kept: uint8 RGB H x W x 3 -> float32 3 x side x side, BGR minus mean."""
    pixels = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32))[None]
    resized = resize_aligned(pixels, (side, side), edge)[0].permute(1, 2, 0).numpy()
    return caffe_tensor(resized, ROUND_MEAN)


def summed_scores(logits: Sequence[Tensor], size: tuple[int, int], edge: Edge = "repaired") -> Tensor:
    """Logits of all sides (each C x k x k) enlarged to ``size`` and added up, C x H x W."""
    total = resize_aligned(logits[0][None], size, edge)[0]
    for one in logits[1:]:
        total = total + resize_aligned(one[None], size, edge)[0]
    return total


def probabilities_of(scores: Tensor) -> Floats:
    """Softmax over C x H x W, raised to 1e-5 and not normalised again."""
    raised: Floats = scores.softmax(0).clamp(min=SMALLEST_PROBABILITY).numpy()
    return raised


def refine(image: npt.NDArray[np.uint8], probabilities: Floats, engine: Engine = "auto") -> Floats:
    """SEC's CRF at full size.

    Args:
        image: uint8 RGB, H x W x 3.
        probabilities: C x H x W.
    """
    return dense_crf(np.ascontiguousarray(image), unary_from_negated(np.log(probabilities)), PRESETS["sec"], engine)


def label_map(scores: Floats, tags: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.uint8]:
    """The label with the highest score, uint8 H x W.

    Args:
        scores: probabilities C x H x W.
        tags: 0/1, C - 1, of the image: then the labels are background and these alone.
    """
    if tags is not None:
        bonus = TAG_BONUS * np.concatenate([[1], tags]).astype(np.float32)
        scores = scores + bonus[:, None, None]
    return scores.argmax(0).astype(np.uint8)


def segment(
    network: Callable[[Tensor], Tensor], image: npt.NDArray[np.uint8], sides: Sequence[int], edge: Edge = "repaired"
) -> Floats:
    """Probabilities C x H x W of one image, uint8 RGB H x W x 3."""
    with torch.inference_mode():
        logits = [network(square_input(image, side, edge)[None])[0].float().cpu() for side in sides]
        return probabilities_of(summed_scores(logits, (image.shape[0], image.shape[1]), edge))
