"""The fingerprint of tags, by which they are known whatever file they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

DIGITS = 8


def tag_fingerprint(tags: Mapping[str, npt.NDArray[np.floating]]) -> str:
    """SHA-256 of the lines ``id:0-based classes`` in the order of the ids, which does not depend on the form of the file.

    Args:
        tags: id -> vector C of 0 and 1. ``COCO_train2014_`` in front of an id does not count.
    """
    bare = {
        image_id.rpartition("2014_")[2] if image_id.startswith("COCO_") else image_id: image_id for image_id in tags
    }
    lines = [f"{name}:{','.join(map(str, np.flatnonzero(tags[bare[name]])))}" for name in sorted(bare)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
