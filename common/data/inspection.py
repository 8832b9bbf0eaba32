"""Decoding every file of a dataset and comparing them with each other: the slow half of ``common.data.check``."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from common.data.images import read_image, read_label_map, read_saliency_levels
from common.data.orientation_check import lies_sideways, orientation_notes, orientation_rule
from common.data.palette import IGNORE_LABEL
from common.errors import DataError
from common.interruption import interrupts_held_back, work_quietly

# Starting processes takes longer than decoding this many images.
MIN_IMAGES_PER_WORKER = 512
CHUNK = 16


@dataclass(frozen=True)
class SampleFiles:
    """The files of one image that exist.

    Args:
        id: the image's id.
        image, mask, saliency: paths; None is not looked at.
        n_classes: number of classes without the background.
        upright: whether the dataset's rule is to turn files as their EXIF orientation says.
    """

    id: str
    image: Path | None
    mask: Path | None
    saliency: Path | None
    n_classes: int
    upright: bool = False


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or that should be known.

    Args:
        kind: what it is, the same words for all files with this fault.
        text: the file and the particulars.
        is_note: nothing is wrong.
    """

    kind: str
    text: str
    is_note: bool = False


@dataclass(frozen=True)
class SaliencyValues:
    """The values of one saliency map as stored.

    Args:
        low, high: the smallest and the largest one.
        on_objects, on_background: mean where the mask shows a class, and background; None without a mask or such pixels.
    """

    low: float
    high: float
    on_objects: float | None
    on_background: float | None


@dataclass(frozen=True)
class Inspected:
    """What was found out about one image.

    Args:
        id: the image's id.
        findings: what is wrong with its files on their own.
        pixels: value of the mask -> its pixels; None without a usable mask.
        saliency: None without a usable map.
    """

    id: str
    findings: list[Finding]
    pixels: dict[int, int] | None = None
    saliency: SaliencyValues | None = None


def inspect_sample(files: SampleFiles) -> Inspected:
    """Decode the files of one image and look at them."""
    notes = orientation_notes((files.image, files.mask, files.saliency), files.upright)
    findings = [Finding(kind, text, is_note=True) for kind, text in notes]
    image = decode(partial(read_image, upright=files.upright), files.image, "unreadable images", findings)
    mask = decode(partial(read_label_map, upright=files.upright), files.mask, "unusable masks", findings)
    saliency = decode(
        partial(read_saliency_levels, upright=files.upright), files.saliency, "unusable saliency maps", findings
    )
    if saliency is not None and not np.isfinite(saliency).all():
        findings.append(Finding("saliency maps that hold NaN or infinite values", str(files.saliency)))
    for kind, other, path in (("masks", mask, files.mask), ("saliency maps", saliency, files.saliency)):
        if image is not None and other is not None and other.shape != image.shape[:2]:
            sizes = f"{other.shape[1]}x{other.shape[0]}, its image {image.shape[1]}x{image.shape[0]}"
            fault = "of another size than their image"
            if lies_sideways(other.shape, image.shape, (files.image, path)):
                fault = (
                    f"that lie sideways on their image (EXIF orientation; all are {orientation_rule(files.upright)})"
                )
            findings.append(Finding(f"{kind} {fault}", f"{path} ({sizes})"))
    if mask is not None:
        outside = labels_outside(mask, files.n_classes)
        if outside:
            kind = f"masks with labels outside 0..{files.n_classes} and {IGNORE_LABEL}"
            findings.append(Finding(kind, f"{files.mask} ({', '.join(map(str, outside[:5]))})"))
    return Inspected(
        files.id,
        findings,
        None if mask is None else pixels_by_value(mask),
        None if saliency is None else saliency_values(saliency, mask, files.n_classes),
    )


def pixels_by_value(mask: npt.NDArray[np.uint8]) -> dict[int, int]:
    """How many pixels of a mask, uint8 [H, W], have each value that occurs."""
    counts = np.bincount(mask.ravel(), minlength=256)
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}


def saliency_values(
    levels: npt.NDArray[Any], mask: npt.NDArray[np.uint8] | None, n_classes: int
) -> SaliencyValues | None:
    """The values of a map [H, W]; None where they are no numbers."""
    if not np.isfinite(levels).all():
        return None

    def mean(where: npt.NDArray[np.bool_]) -> float | None:
        return cv2.mean(levels, where.astype(np.uint8))[0] if where.any() else None

    means: tuple[float | None, float | None] = (None, None)
    if mask is not None and mask.shape == levels.shape:
        means = (mean((mask > 0) & (mask <= n_classes)), mean(mask == 0))
    return SaliencyValues(float(levels.min()), float(levels.max()), *means)


def decode(
    read: Callable[[Path], npt.NDArray[Any]], path: Path | None, kind: str, findings: list[Finding]
) -> npt.NDArray[Any] | None:
    """``read(path)``, [H, W] or [H, W, 3]; a file that cannot be used becomes a finding and None."""
    if path is None:
        return None
    try:
        return read(path)
    except DataError as error:
        findings.append(Finding(kind, str(error)))
        return None


def labels_outside(mask: npt.NDArray[np.uint8], n_classes: int) -> list[int]:
    """The label values in ``mask`` uint8 [H, W] that are neither background, a class nor ignore."""
    present = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    return [int(label) for label in present if n_classes < label != IGNORE_LABEL]


def inspect_samples(samples: Sequence[SampleFiles], workers: int | None = None) -> list[Inspected]:
    """Inspect all samples with a progress bar on stderr.

    Args:
        workers: processes; 0 works in this process; None takes one per processor if there is enough to do.

    Raises:
        DataError: a worker process died.
    """
    if workers is None:
        workers = min(os.cpu_count() or 1, len(samples) // MIN_IMAGES_PER_WORKER)
    with tqdm(total=len(samples), desc="decoding", unit="image", leave=False) as bar:
        inspected = []
        for one in run_inspection(samples, workers):
            inspected.append(one)
            bar.update()
    return inspected


def run_inspection(samples: Sequence[SampleFiles], workers: int) -> Iterator[Inspected]:
    """What was found out about each sample, in order."""
    if workers == 0:
        yield from map(inspect_sample, samples)
        return
    # Not fork: numpy and torch have started threads in this process by now.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    # Imports (torch among them) happen once in the server instead of once in every worker.
    context.set_forkserver_preload([__name__])
    try:
        with ProcessPoolExecutor(workers, context, initializer=work_quietly) as pool:
            with interrupts_held_back():
                findings = pool.map(inspect_sample, samples, chunksize=CHUNK)
            yield from findings
    except BrokenProcessPool as error:
        raise DataError(
            "a process that decodes images died, probably for lack of memory; run again with --workers 0."
        ) from error
