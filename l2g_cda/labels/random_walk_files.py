"""The maps written for random-walk refinement, in AffinityNet's and in IRN's form, and the shared ``.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from common.cam.files import Cams, checked, read_cams
from common.data.restricted_pickle import load_npy
from common.errors import DataError


def read_random_walk(folder: Path, image_id: str) -> Cams:
    """The maps of an image at its size, whichever form its file has (l2g_cda spec, section 6.2).

    ``cam_npy_aff`` holds ``keys`` (0, then class + 1) and ``hr_cam``; ``cam_npy_irn`` holds ``keys`` (0-based classes) and
    ``high_res``.

    Raises:
        DataError: there is no such file, or it is of another form.
    """
    path = next((path for suffix in (".npy", ".npz") if (path := folder / f"{image_id}{suffix}").is_file()), None)
    if path is None:
        raise DataError(f"no CAM file of {image_id!r} in {folder}; run the CAM stage first")
    content = load_npy(path) if path.suffix == ".npy" else None
    if not isinstance(content, dict) or "hr_cam" not in content:
        return read_cams(path)
    labels = np.asarray(content.get("keys", ()))
    if labels.ndim != 1 or labels.size == 0 or labels[0] != 0:
        raise DataError(f"{path}: keys {labels.tolist()} do not begin with the background, 0; compute it again")
    return checked(labels[1:] - 1, content["hr_cam"], path)
