"""Logits on disk in the published form: ``logit/<id>.npy``, float32, C x h x w at the network's resolution, no softmax."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from common.data.images import image_size
from common.errors import DataError
from common.files import atomic_write
from deeplabv2.inference.predictor import Prediction


def write_logits(path: Path, logits: np.ndarray) -> None:
    values = np.ascontiguousarray(logits, np.float32)
    atomic_write(path, lambda file: np.save(file, values))


def read_logits(path: Path, n_labels: int) -> np.ndarray:
    """Read one file.

    Raises:
        DataError: it is damaged, or holds something else than the logits of ``n_labels`` labels.
    """
    try:
        logits = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"cannot read the logits {path}: {error}. Delete it and run test --save-logits again."
        ) from error
    if not isinstance(logits, np.ndarray) or logits.ndim != 3 or logits.shape[0] != n_labels:
        shape = getattr(logits, "shape", "several arrays")
        raise DataError(f"{path} holds {shape}; logits of this configuration are {n_labels} x height x width")
    return logits.astype(np.float32, copy=False)


class ReadPredictions:
    """``id -> Prediction`` from the files of ``test --save-logits``."""

    def __init__(self, path_of: Callable[[str], Path], folder: Path, n_labels: int) -> None:
        self.path_of, self.folder, self.n_labels = path_of, folder, n_labels

    def __call__(self, image_id: str) -> Prediction:
        path = self.path_of(image_id)
        return Prediction(path, image_size(path), read_logits(self.folder / f"{image_id}.npy", self.n_labels))
