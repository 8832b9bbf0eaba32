"""Which tags a result is of: the file, its fingerprint over the list, and whose tags of VOC or COCO these are.

VOC's 10,582 training images have three schools of tags, which differ in 8 % of the images: all objects of the XML annotations;
those with a pixel in SegmentationClassAug; those with a pixel if every image had an SBD mask. Each is contained in the one before.
The same CAMs score otherwise with the tags of another school, so a result names its tags.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from common.data.layout import DatasetLayout

DIGITS = 8
PIXELS = "classes with a pixel in the mask"
# First digits of the fingerprint -> whose tags they are.
KNOWN_TAGS: Mapping[str, str] = {
    "9e20c847": "all XML objects, difficult ones too: IRN, EPS, SMAF",
    "d9d76be6": f"{PIXELS}: OAA, L2G, I2CRC",
    "cdb99793": "classes with a pixel had every image an SBD mask: SGAN",
    "188145f4": f"{PIXELS}, 82,081 images of COCO: L2G",
}


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


def describe_tags(layout: DatasetLayout, ids: Sequence[str]) -> str:
    """The tags of a list in words: ``cls_labels.npy 9e20c847 (all XML objects ...)``.

    Raises:
        DataError: there are no tags, or some of ``ids`` have none.
    """
    digits = tag_fingerprint(layout.read_tags(ids))[:DIGITS]
    name = layout.tags.name if layout.tags else ""
    return f"{name} {digits}" + (f" ({KNOWN_TAGS[digits]})" if digits in KNOWN_TAGS else "")
