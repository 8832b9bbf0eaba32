"""Time the evaluation of VOC's val list against the evaluator of EPS and SEAM, on generated masks of VOC's size."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from common.bench.comparison import Comparison
from common.bounds import MOST_PROCESSES, add_number
from common.data.palette import IGNORE_LABEL, write_label_map
from common.errors import ToolboxError, run_command
from common.metrics.folder import evaluate_folder
from common.metrics.scores import compute_scores

VOC_VAL_IMAGES = 1449
HEIGHT, WIDTH, N_LABELS = 375, 500, 21


def compare_evaluation(n_images: int = VOC_VAL_IMAGES, workers: int | None = None) -> Comparison:
    """Score ``n_images`` generated mask pairs with :func:`evaluate_folder` and with the peer's loop.

    Both read the same PNG files; the peer runs in one process, as its formula is what is compared.

    Raises:
        ToolboxError: the two disagree on a class IoU.
    """
    with tempfile.TemporaryDirectory() as folder:
        truths, predictions = Path(folder, "truth"), Path(folder, "prediction")
        ids = write_mask_pairs(truths, predictions, n_images)
        start = time.perf_counter()
        result = evaluate_folder(
            lambda identifier: truths / f"{identifier}.png",
            lambda identifier: predictions / f"{identifier}.png",
            ids,
            N_LABELS,
            workers=workers,
        )
        class_iou = compute_scores(result.matrix).class_iou
        middle = time.perf_counter()
        peer_class_iou = per_class_loop(truths, predictions, ids)
        end = time.perf_counter()
    if not np.allclose(class_iou, peer_class_iou, equal_nan=True):
        raise ToolboxError("the evaluation and the per-class loop disagree; this is a defect of the toolbox.")
    work = f"evaluate {n_images} label maps {WIDTH}x{HEIGHT}, {N_LABELS} labels"
    return Comparison(work, middle - start, "per-class numpy loop (EPS, SEAM), one process", end - middle)


def per_class_loop(truths: Path, predictions: Path, ids: Sequence[str]) -> npt.NDArray[np.float64]:
    """Class IoU, float64 [N_LABELS] in 0..1 or NaN, by the loop of EPS and SEAM: three full-image sums per class and image."""
    predicted, in_truth, hits = (np.zeros(N_LABELS) for _ in range(3))
    for identifier in ids:
        prediction = np.array(Image.open(predictions / f"{identifier}.png"))
        truth = np.array(Image.open(truths / f"{identifier}.png"))
        counted = truth < IGNORE_LABEL
        agree = (prediction == truth) * counted
        for label in range(N_LABELS):
            predicted[label] += np.sum((prediction == label) * counted)
            in_truth[label] += np.sum((truth == label) * counted)
            hits[label] += np.sum((truth == label) * agree)
    with np.errstate(invalid="ignore"):
        return hits / (in_truth + predicted - hits)


def write_mask_pairs(truths: Path, predictions: Path, n_images: int) -> list[str]:
    """Write label maps of a few ellipses with an ignored outline, and predictions that are a little displaced."""
    ids = [f"{number:06d}" for number in range(n_images)]
    for number, identifier in enumerate(ids):
        rng = np.random.default_rng(number)
        truth = ellipses(rng)
        prediction = np.roll(np.where(truth == IGNORE_LABEL, 0, truth), rng.integers(-8, 9, 2), axis=(0, 1))
        write_label_map(truths / f"{identifier}.png", truth)
        write_label_map(predictions / f"{identifier}.png", prediction)
    return ids


def ellipses(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A label map uint8 HEIGHT x WIDTH: one to four ellipses of random classes with ignored outlines (255)."""
    label_map = np.zeros((HEIGHT, WIDTH), np.uint8)
    for _ in range(rng.integers(1, 5)):
        centre = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        axes = (int(rng.integers(20, 150)), int(rng.integers(20, 150)))
        angle = float(rng.integers(180))
        cv2.ellipse(label_map, centre, axes, angle, 0, 360, int(rng.integers(1, N_LABELS)), -1)
        cv2.ellipse(label_map, centre, axes, angle, 0, 360, IGNORE_LABEL, 3)
    return label_map


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.bench evaluate", description=__doc__)
    add_number(parser, "--images", VOC_VAL_IMAGES, "number of mask pairs (default: VOC val)", least=1, most=10**6)
    add_number(parser, "--workers", None, "threads (default: two per core)", least=0, most=MOST_PROCESSES)
    arguments = parser.parse_args(argv)
    print(compare_evaluation(arguments.images, arguments.workers).text())


if __name__ == "__main__":
    run_command(main)
