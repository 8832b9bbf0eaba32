"""Opening an image file: which formats, how many pixels, which way up.

A camera stores the pixels as its sensor lay and writes beside them how to turn them: EXIF's orientation, 1 (as they are) to 8.
Viewers and most labelling tools show the turned image. Two rules are in use:

* upright: the pixels are turned as the file says. For a user's own images (``folder`` datasets, plain folders of images), so that
  image, mask, saliency map and output agree with what a viewer shows.
* as stored: the orientation is not looked at. For VOC, COCO and the toy set, whose masks follow the stored pixels, as the
  published programs read them.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from common.errors import ConfigError, DataError
from common.failures import missing_file
from common.files import require_png_intact

# What is decoded, told by the content of a file and not by its name. Pillow knows more formats, some of which it hands to other
# programs (EPS to Ghostscript); of these files nothing but the first bytes is read.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")

# As many pixels as Pillow itself would decode; 0.5 GB as RGB.
MAX_PIXELS = 178_956_970
MAX_PIXELS_VARIABLE = "WSSS_MAX_PIXELS"
# Every image is held against the limit above, with a message that says what to do.
Image.MAX_IMAGE_PIXELS = None

# OpenCV decodes straight to RGB, which versions before 4.11 do not know, the pixels as stored.
QUICK_FLAGS = getattr(cv2, "IMREAD_COLOR_RGB", 0) and cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# How a JPEG ends. Of one that was cut off OpenCV makes up the rest without a word.
END_OF_JPEG = b"\xff\xd9"

ORIENTATION_TAG = 0x0112
# Of a TIFF: width, height.
STORED_SIZE_TAGS = (0x0100, 0x0101)
# Orientation -> how the stored pixels are turned to stand upright; and back.
TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TO_STORED = {**TO_UPRIGHT, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
# Orientations whose upright image is as wide as the stored one is high.
ON_ITS_SIDE = (5, 6, 7, 8)

# Pillow reports broken files by many exception types, depending on the format.
BROKEN_IMAGE = (
    OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError,
    MemoryError, ZeroDivisionError, struct.error, zlib.error,
)  # fmt: skip

# First bytes -> what a file is in truth. The place of the bytes is 0 unless it is given.
SIGNATURES = (
    (0, b"\xff\xd8", "a damaged JPEG"),
    (0, b"\x89PNG", "a damaged PNG"),
    (0, b"BM", "a damaged BMP"),
    (8, b"WEBP", "a damaged WebP"),
    (0, b"II*\0", "a damaged TIFF"),
    (0, b"MM\0*", "a damaged TIFF"),
    (0, b"%!PS", "PostScript (EPS)"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (0, b"%PDF", "PDF"),
    (0, b"8BPS", "Photoshop (PSD)"),
    (0, b"GIF8", "GIF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftyp", "HEIC, AVIF or a film"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x01\x00", "an icon (ICO)"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"DDS ", "DDS"),
    (0, b"SIMPLE", "FITS"),
    (128, b"DICM", "DICOM"),
    (0, b"\xd7\xcd\xc6\x9a", "Windows metafile (WMF)"),
    (40, b" EMF", "Windows metafile (EMF)"),
    (0, b"gimp xcf", "GIMP (XCF)"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
)
PORTABLE_ANYMAP = tuple(b"P%d" % number for number in range(1, 8))
LONGEST_SIGNATURE = 512


@contextmanager
def open_image(path: Path, whole: bool = True) -> Iterator[Image.Image]:
    """Open an image file; its pixels are decoded once something asks for them (see :func:`turned_image`).

    Args:
        path: the file.
        whole: whether its pixels are wanted: the checksums of a PNG are then compared.

    Raises:
        DataError: the file is missing, of a format that is not in ``FORMATS``, too large, or broken (now or while decoding).
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            require_few_pixels(image.size, path)
            if whole and image.format == "PNG":
                require_png_intact(path)
            yield image
    except FileNotFoundError as error:
        raise missing_file(Path(path), f"image {path} does not exist.") from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"cannot read image {path}: it is {real_format(Path(path))}; only {', '.join(FORMATS)} are read. Download or export "
            "it again in one of these."
        ) from error
    except BROKEN_IMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"cannot read image {path}: {reason}. Download or export it again.") from error


def real_format(path: Path) -> str:
    """What a file that is no image of ``FORMATS`` holds, by its first bytes."""
    with path.open("rb") as file:
        start = file.read(LONGEST_SIGNATURE)
    if not start:
        return "an empty file"
    for place, signature, name in SIGNATURES:
        if start[place:].startswith(signature):
            return name
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML)"
    if text.startswith((b"<svg", b"<?xml", b"<!--", b"<!doctype svg")):
        return "SVG or other XML"
    if start[:2] in PORTABLE_ANYMAP:
        return "a portable anymap (PNM)"
    return "something else (or its first bytes are damaged)"


def max_pixels() -> int:
    """The most pixels an image may have: ``MAX_PIXELS``, unless the environment sets another number.

    Raises:
        ConfigError: the environment's value is no number above 0.
    """
    given = os.environ.get(MAX_PIXELS_VARIABLE, "")
    if given and not (given.isdecimal() and int(given[:18]) > 0):
        raise ConfigError(f"the environment variable {MAX_PIXELS_VARIABLE} is {given!r}; give a number of pixels")
    return int(given) if given else MAX_PIXELS


def require_few_pixels(size: tuple[int, int], path: Path) -> None:
    """Raise :class:`DataError` where an image of ``size`` (width, height) has more pixels than are decoded."""
    width, height = size
    most = max_pixels()
    if width * height > most:
        side = int(max(width, height) * (most / (width * height)) ** 0.5)
        raise DataError(
            f"image {path} is {width}x{height}, {width * height / 1e6:.0f} megapixels; at most {most / 1e6:.0f} are read. Reduce it "
            f"to a longer side of {side} pixels, or set the environment variable {MAX_PIXELS_VARIABLE} to {width * height}."
        )


def turned_image(image: Image.Image, upright: bool) -> Image.Image:
    """The decoded image, upright or with its pixels as stored."""
    # Pillow turns TIFF by itself when it decodes, and other formats never.
    by_itself = image.format == "TIFF"
    if upright == by_itself:
        return image
    of_file = orientation(image)
    image.load()
    return image if of_file == 1 else image.transpose((TO_STORED if by_itself else TO_UPRIGHT)[of_file])


def orientation(image: Image.Image) -> int:
    """EXIF's orientation of an opened image whose pixels are not decoded yet: 1 to 8, and 1 where none or nonsense is written."""
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    # A viewer shows an image with damaged EXIF data as it is stored.
    except BROKEN_IMAGE:
        return 1
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def exif_orientation(path: Path) -> int:
    """EXIF's orientation of an image file, 1 to 8, without decoding it where that can be avoided.

    Raises:
        DataError: as :func:`open_image`.
    """
    with open_image(path, whole=False) as image:
        return orientation(image) if may_be_turned(image, path) else 1


def may_be_turned(image: Image.Image, path: Path) -> bool:
    """Whether it is worth asking for the orientation: of a PNG, Pillow would decode the pixels to look behind them."""
    if image.format != "PNG":
        return True
    content = Path(path).read_bytes()
    return any(mark in content for mark in (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp"))


def size_of(image: Image.Image, path: Path, upright: bool) -> tuple[int, int]:
    """(height, width) of an opened image as :func:`turned_image` gives it, from the header alone."""
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # What Pillow says depends on its version.
        width, height = (image.tag_v2[tag] for tag in STORED_SIZE_TAGS)
    on_its_side = upright and may_be_turned(image, path) and orientation(image) in ON_ITS_SIDE
    return (width, height) if on_its_side else (height, width)


def quickly_decoded(path: Path, image: Image.Image, upright: bool) -> npt.NDArray[np.uint8] | None:
    """The usual photograph, a colour JPEG, decoded by OpenCV: the pixels of Pillow, with which it shares libjpeg-turbo, in two thirds of
    the time. None where Pillow has to do it: another format, grey or CMYK, cut off, to be turned.

    Args:
        image: the same file, opened by Pillow and not decoded.
        upright: whether it is to be turned as its orientation says.
    """
    if not QUICK_FLAGS or image.format != "JPEG" or image.mode != "RGB" or (upright and orientation(image) != 1):
        return None
    content = path.read_bytes()
    if not content.endswith(END_OF_JPEG):
        return None
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), QUICK_FLAGS)
    if pixels is None or pixels.shape != (image.height, image.width, 3):
        return None
    return np.asarray(pixels, np.uint8)
