"""Decoding every file of a dataset and comparing them with each other: the slow half of ``common.data.check``."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from common.data.images import read_image, read_label_map, read_saliency
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
    """

    id: str
    image: Path | None
    mask: Path | None
    saliency: Path | None
    n_classes: int


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        kind: what it is, the same words for all files with this fault.
        text: the file and the particulars.
    """

    kind: str
    text: str


def inspect_sample(files: SampleFiles) -> list[Finding]:
    """Decode the files of one image; returns what is wrong with them."""
    findings: list[Finding] = []
    image = decode(read_image, files.image, "unreadable images", findings)
    mask = decode(read_label_map, files.mask, "unusable masks", findings)
    saliency = decode(read_saliency, files.saliency, "unusable saliency maps", findings)
    for kind, other, path in (("masks", mask, files.mask), ("saliency maps", saliency, files.saliency)):
        if image is not None and other is not None and other.shape != image.shape[:2]:
            sizes = f"{other.shape[1]}x{other.shape[0]}, its image {image.shape[1]}x{image.shape[0]}"
            findings.append(Finding(f"{kind} of another size than their image", f"{path} ({sizes})"))
    if mask is not None:
        outside = labels_outside(mask, files.n_classes)
        if outside:
            kind = f"masks with labels outside 0..{files.n_classes} and {IGNORE_LABEL}"
            findings.append(Finding(kind, f"{files.mask} ({', '.join(map(str, outside[:5]))})"))
    return findings


def decode(
    read: Callable[[Path], npt.NDArray[np.uint8]], path: Path | None, kind: str, findings: list[Finding]
) -> npt.NDArray[np.uint8] | None:
    """``read(path)``, uint8 [H, W] or [H, W, 3]; a file that cannot be used becomes a finding and None."""
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


def inspect_samples(samples: Sequence[SampleFiles], workers: int | None = None) -> list[Finding]:
    """Inspect all samples with a progress bar on stderr.

    Args:
        workers: processes; 0 works in this process; None takes one per processor if there is enough to do.

    Raises:
        DataError: a worker process died.
    """
    if workers is None:
        workers = min(os.cpu_count() or 1, len(samples) // MIN_IMAGES_PER_WORKER)
    with tqdm(total=len(samples), desc="decoding", unit="image", leave=False) as bar:
        findings = []
        for of_sample in run_inspection(samples, workers):
            findings += of_sample
            bar.update()
    return findings


def run_inspection(samples: Sequence[SampleFiles], workers: int) -> Iterator[list[Finding]]:
    """The findings of each sample, in order."""
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
