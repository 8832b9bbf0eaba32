#!/usr/bin/env bash
# EXIF orientation of JPEG, PNG, WebP and TIFF: which library turns the pixels by itself.
#
# Guess, written before running: Pillow never turns an image by itself (there is ImageOps.exif_transpose for that), cv2.imread always
# does, whatever the format; what Pillow says of the size before it decodes is the size of what it decodes.
#
# Found (Pillow 13.0.0, opencv-python-headless 5.0.0.93, numpy 2.4.6):
# - Pillow leaves JPEG, PNG and WebP as stored, and turns TIFF by itself: its size, before anything is decoded, is already the turned one.
#   A dataset reader that takes "what Image.open gives" for the stored pixels is right in three formats and wrong in the fourth, and one
#   that calls exif_transpose is right in all, as Pillow takes the tag away when it turns.
# - cv2.imread turns JPEG, PNG, WebP and, by half a turn, TIFF; a TIFF that lies on its side (orientation 6, not square) it does not read
#   at all: it returns None.
# So "as stored" and "upright" cannot be had by leaving out or adding one call: a dataset with TIFFs among its JPEGs is read half one
# way and half the other, and masks drawn in a viewer fit one half.
#
# Run: bash findings/turned_images.sh      (fails if any of this changes)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - 2>"$folder/errors" <<'PYTHON'
import cv2
import numpy as np
from PIL import Image

ORIENTATION = 0x0112
FORMATS = {"JPEG": {"quality": 100}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}
# White only at the top left of 32 x 16 stored pixels.
STORED = np.zeros((16, 32, 3), np.uint8)
STORED[:8, :8] = 255


def seen(pixels):
    """Width, height and the white corner."""
    if pixels is None:
        return "not read"
    height, width = pixels.shape[:2]
    corners = {"top left": (2, 2), "top right": (2, width - 3), "bottom left": (height - 3, 2), "bottom right": (height - 3, width - 3)}
    return f"{width}x{height} {next(name for name, place in corners.items() if pixels[place].mean() > 128)}"


found = {}
for kind, options in FORMATS.items():
    for orientation in (3, 6):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        name = f"{orientation}.{kind.lower()}"
        Image.fromarray(STORED).save(name, format=kind, exif=exif, **options)
        with Image.open(name) as image:
            before = "{}x{}".format(*image.size)
            by_pillow = seen(np.asarray(image.convert("RGB")))
        found[kind, orientation] = (before, by_pillow, seen(cv2.imread(name)))
for key, value in found.items():
    print(*key, *value, sep=" | ")
expected = {
    **{
        (kind, 3): ("32x16", "32x16 top left", "32x16 bottom right") for kind in ("JPEG", "PNG", "WEBP")
    },
    **{
        (kind, 6): ("32x16", "32x16 top left", "16x32 top right") for kind in ("JPEG", "PNG", "WEBP")
    },
    ("TIFF", 3): ("32x16", "32x16 bottom right", "32x16 bottom right"),
    ("TIFF", 6): ("16x32", "16x32 top right", "not read"),
}
assert found == expected, f"this has changed: {found}"
PYTHON
