#!/usr/bin/env bash
# Nearest-neighbour resize of a mirrored image: Pillow, OpenCV and torch.
#
# Guess, written before running: with "nearest" a mirrored image, resized, is the mirrored resized image in all three libraries, for
# an integer factor as EPS's 448 -> 56 certainly, since every output pixel stands for its own block of 8 x 8.
#
# Found (Pillow 13.0.0, opencv-python-headless 5.0.0.93, torch 2.14.1, numpy 2.4.6; CPU):
# - 448 -> 56: torch "nearest" and OpenCV INTER_NEAREST take the first pixel of each block, the top left corner, not its middle. The
#   mirrored image's block gives the pixel that was its last one: in an image of distinct columns every output column differs. A label
#   or saliency edge lies up to 7 pixels from where the network's map has it, to the other side in the mirrored half of a training.
# - torch "nearest-exact" and Pillow NEAREST take a pixel next to the middle; with an even factor there is no middle, and they too
#   differ by one pixel in every column (Pillow takes the right one, so does "nearest-exact").
# - 448 -> 64 (factor 7, odd): Pillow and "nearest-exact" commute exactly, the two others do not.
# - Enlarging by a whole factor: all four commute.
# So a saliency target by "nearest" is shifted by 3.5 pixels against bilinear maps on average, and flip augmentation does not cancel it.
#
# Run: bash findings/mirrored_nearest.sh      (fails if any of this changes)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 opencv-python-headless==5.0.0.93 torch==2.14.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np
import torch
from PIL import Image

WAYS = {
    "pillow": lambda row, width: np.asarray(Image.fromarray(row).resize((width, 1), Image.Resampling.NEAREST)),
    "opencv": lambda row, width: cv2.resize(row, (width, 1), interpolation=cv2.INTER_NEAREST),
    "torch": lambda row, width: by_torch(row, width, "nearest"),
    "torch exact": lambda row, width: by_torch(row, width, "nearest-exact"),
}


def by_torch(row, width, mode):
    values = torch.from_numpy(row.astype(np.float32))[None, None]
    return torch.nn.functional.interpolate(values, (1, width), mode=mode)[0, 0].numpy()


def differing(way, length, width):
    """Share of the output columns in which mirroring before and after differ, and the largest difference in pixels."""
    row = np.arange(length, dtype=np.float32)[None]
    first = WAYS[way](row, width)[:, ::-1]
    mirrored = WAYS[way](np.ascontiguousarray(row[:, ::-1]), width)
    distance = np.abs(first - mirrored)
    return float((distance > 0).mean()), int(distance.max())


found = {
    (way, length, width): differing(way, length, width) for way in WAYS for length, width in ((448, 56), (448, 64), (56, 448))
}
for key, value in found.items():
    print(*key, *value)
expected = {
    ("pillow", 448, 56): (1.0, 1), ("opencv", 448, 56): (1.0, 7), ("torch", 448, 56): (1.0, 7), ("torch exact", 448, 56): (1.0, 1),
    ("pillow", 448, 64): (0.0, 0), ("opencv", 448, 64): (1.0, 6), ("torch", 448, 64): (1.0, 6), ("torch exact", 448, 64): (0.0, 0),
    **{(way, 56, 448): (0.0, 0) for way in WAYS},
}
assert found == expected, f"this has changed: {found}"
PYTHON
