"""Grey levels that the networks take: BGR minus a mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

# BGR. Training subtracts the first; the CRF layer and the test take the second (defect 14 of the spec: kept).
TRAINING_MEAN = (104.008, 116.669, 122.675)
ROUND_MEAN = (104.0, 117.0, 123.0)


def caffe_tensor(image: np.ndarray, mean: Sequence[float]) -> Tensor:
    """RGB H x W x 3 in 0..255 -> BGR minus ``mean``, float32 3 x H x W."""
    difference = image[..., ::-1].astype(np.float32) - np.asarray(mean, np.float32)
    return torch.from_numpy(np.ascontiguousarray(difference.transpose(2, 0, 1)))
