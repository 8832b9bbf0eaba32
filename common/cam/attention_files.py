"""Attention maps at the precision of published 8-bit files, and those files: ``<id>_<class number>.png`` (L2G, I2CRC)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from common.cam.files import Cams
from common.data.colours import Uint8
from common.files import atomic_write
from common.paths import path_of_id
from common.pseudo_labels.background import Floats


def attention_bytes(attention: Floats) -> Uint8:
    """255 times the attention (0..1, any shape), rounded (halves to even) as OpenCV does."""
    return np.clip(np.rint(attention * 255), 0, 255).astype(np.uint8)


def write_attention_pngs(folder: Path, image_id: str, cams: Cams) -> None:
    """Maps K x H x W in 0..1 as ``<id>_<class number>.png``, 8-bit grey; no id leaves the folder."""
    for number, attention in zip(cams.keys.tolist(), cams.maps, strict=True):
        picture = Image.fromarray(attention_bytes(attention))
        atomic_write(path_of_id(folder, image_id, f"_{number}.png"), partial(picture.save, format="PNG"))
