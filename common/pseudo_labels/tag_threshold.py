"""A background threshold from tags alone: it looks at class activation maps and photographs, and at no mask.

The rule. A threshold splits the pixels of an image into two regions; a good one explains much of the spread of the class
scores (the criterion of Otsu, 1979) and much of the spread of the photograph's own colours, as an object and what is behind it
differ in both. The threshold taken is the one with the largest product of the two explained shares of variance, each averaged
over the images of the list. There is nothing to tune.

The first factor alone is Otsu's threshold over all images. It does not know where the object ends: where maps run far over
the objects, as with small objects on a coarse grid, it keeps too much. The second factor alone knows no classes: on poor
maps it takes a small patch of odd colour.

A CRF that follows looks at the colours itself and takes off what the maps have too much; there the first factor alone decides.

Measured, mIoU of the label maps below that at the best threshold against the masks. Toy set: 0.6 (0.57 for 0.64; Otsu 3.4),
another run 0.8; with the CRF on hard labels 0.9 (100 images). ``voc_animals``: 0.0 (0.38 for 0.39), with that CRF 0.8 (150
images of half size). Maps of EPS, SMAF and I2CRC on both sets 0.0 to 0.7; lists of 200 of the images at most 1.3, of 50 at most
2.4, of 20 at most 6.5 and on average 1.0. Not close: the maps of Puzzle-CAM on the toy set in two runs of six (0.49 for 0.18,
4.9 below; Otsu 2.0), and those that its random walk makes (0.48 for 0.21, 4.6 below) in both runs tried.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from common.errors import DataError
from common.pseudo_labels.background import Floats

Shares = npt.NDArray[np.float64]
# Shares are summed as whole numbers, so that the sum does not depend on the order of the images.
STEPS = 2**40
# Of an image with a longer side of n times as many pixels, every n-th row and column counts: means need no more, and it is quicker.
ENOUGH = 200


class TagThreshold(NamedTuple):
    """The thresholds tried, per threshold the mean share of variance that the split explains, and the best threshold.

    Attributes:
        tried: ascending.
        of_scores: of the strongest map, 0..1.
        of_colours: of the photograph's colours, 0..1.
        best: where the product of both is largest; the lowest of several.
    """

    tried: list[float]
    of_scores: list[float]
    of_colours: list[float]
    best: float


def explained_shares(
    strongest: Floats, image: npt.NDArray[np.uint8], thresholds: npt.NDArray[np.float32]
) -> npt.NDArray[np.int64]:
    """What one image adds to the sums of :func:`best_split`.

    Args:
        strongest: H x W, the largest map of the tagged classes in every pixel, 0..1.
        image: H x W x 3, RGB.
        thresholds: [T], ascending; foreground is what lies above.

    Returns:
        int64 [2 T + 1]: explained shares of the scores' and of the colours' variance in 1 / STEPS, and 1 for the image.

    Raises:
        DataError: maps and image differ in size.
    """
    if strongest.shape != image.shape[:2]:
        raise DataError(f"the maps are {strongest.shape} but the image is {image.shape[:2]}; write maps at image size")
    stride = max(1, max(strongest.shape) // ENOUGH)
    strongest, image = strongest[::stride, ::stride], image[::stride, ::stride]
    level = np.searchsorted(thresholds, strongest.ravel(), side="left")
    n_levels = len(thresholds) + 1
    shares = [
        explained_variance(level, n_levels, values)
        for values in (strongest.reshape(-1, 1), image.reshape(-1, image.shape[2]))
    ]
    return np.append(np.rint(np.concatenate(shares) * STEPS).astype(np.int64), np.int64(1))


def explained_variance(
    level: npt.NDArray[np.intp], n_levels: int, values: npt.NDArray[np.floating] | npt.NDArray[np.uint8]
) -> Shares:
    """Share of the values' variance that lies between the two regions of each split; 0 where a region is empty.

    Args:
        level: [N] in 0..n_levels - 1; split t puts the pixels with a level above t in one region.
        values: [N, D].

    Returns:
        float64 [n_levels - 1] in 0..1; 0 for values without variance.
    """
    count = np.bincount(level, minlength=n_levels)
    above = count[::-1].cumsum()[::-1][1:]
    below = len(level) - above
    between, total = np.zeros(n_levels - 1), 0.0
    for one in values.T.astype(np.float64):
        centred = one - one.mean()
        total += float(centred @ centred)
        between += np.bincount(level, centred, n_levels)[::-1].cumsum()[::-1][1:] ** 2
    both = (above > 0) & (below > 0)
    if total <= 0:
        return np.zeros(n_levels - 1)
    between[both] *= len(level) / (above[both] * below[both] * total)
    between[~both] = 0
    return np.clip(between, 0, 1)


def best_split(total: npt.NDArray[np.int64], thresholds: npt.NDArray[np.float32], colours: bool = True) -> TagThreshold:
    """The threshold whose split explains most.

    Args:
        total: int64 [2 T + 1], the sum of :func:`explained_shares` over images.
        thresholds: [T], as there.
        colours: whether the colours' shares count; False where a CRF follows, which aligns the labels with the colours itself.

    Raises:
        DataError: no threshold splits any image, as where maps or images are all of one value.
    """
    n_images = max(1, int(total[-1]))
    of_scores, of_colours = total[:-1].reshape(2, -1) / (STEPS * n_images)
    product = of_scores * of_colours if colours else of_scores
    if not product.any():
        raise DataError(
            "no threshold splits the class activation maps into two regions of different colour: they hold no object, or the "
            "images are of one colour; look at the pictures, or give labels.choose_threshold fixed and labels.threshold"
        )
    tried = [round(float(one), 6) for one in thresholds]
    return TagThreshold(tried, of_scores.tolist(), of_colours.tolist(), tried[int(product.argmax())])
