"""What test and predict leave on disk: folders with several files for an image, and logits in the published form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.data.images import image_size
from common.data.restricted_pickle import load_npy
from common.data.value_ranges import require_logits
from common.engine.inference import OutputFolder
from common.errors import DataError, InputFailed
from common.files import write_json, write_npy
from common.paths import path_of_id
from deeplabv2.inference import Prediction

ORIGIN_FILE = "origin.json"
REDO_LOGITS = "Delete it and run test --save-logits again."


@dataclass(frozen=True)
class OutputFolders(OutputFolder):
    """A folder with a file for every image, and others beside it; an image is complete when it has all its files.

    Attributes:
        others: the other folders. Each keeps the record of its own files, so that those of an earlier run, which this
            one does not write, are not taken for part of it.
        origin: what helps to find the inputs again, and is not among what the files depend on (a path).
    """

    others: Sequence[OutputFolder] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    def begin(self, ids: Sequence[str]) -> None:
        super().begin(ids)
        for other in self.others:
            other.begin(ids)
        write_json(self.path / ORIGIN_FILE, dict(self.origin))

    def record_failures(self, ids: Sequence[str], failed: Mapping[str, str]) -> None:
        super().record_failures(ids, failed)
        for other in self.others:
            other.record_failures(ids, failed)

    def missing(self, ids: Sequence[str]) -> list[str]:
        lacking = {*super().missing(ids), *(image_id for other in self.others for image_id in other.missing(ids))}
        return [image_id for image_id in ids if image_id in lacking]


def write_logits(path: Path, logits: np.ndarray) -> None:
    """``logit/<id>.npy``: float32, C x h x w at the network's resolution, no softmax."""
    values = np.ascontiguousarray(logits, np.float32)
    write_npy(path, values)


def read_logits(path: Path, n_labels: int) -> np.ndarray:
    """Read one file of :func:`write_logits`: float32, n_labels x h x w.

    Raises:
        DataError: it is missing, damaged, of another shape, or holds NaN, infinite values or probabilities.
    """
    try:
        logits = load_npy(path)
    except InputFailed:
        raise
    except DataError as error:
        raise DataError(f"cannot read the logits {path}: {error} {REDO_LOGITS}") from error
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.shape[0] != n_labels:
        shape = getattr(logits, "shape", "several arrays")
        raise DataError(f"{path} holds {shape}; logits of this configuration are {n_labels} x height x width")
    require_logits(logits, path, REDO_LOGITS)
    return logits.astype(np.float32, copy=False)


@dataclass(frozen=True)
class ReadPredictions:
    """``id -> Prediction`` from the files of ``test --save-logits``; tags and upright as for LoadInputs."""

    path_of: Callable[[str], Path]
    folder: Path
    n_labels: int
    tags: Mapping[str, np.ndarray]
    upright: bool = False

    def __call__(self, image_id: str) -> Prediction:
        logits = read_logits(path_of_id(self.folder, image_id, ".npy"), self.n_labels)
        path = self.path_of(image_id)
        return Prediction(path, image_size(path, self.upright), [logits], tags=self.tags.get(image_id))
