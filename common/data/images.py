"""Reading images, label maps and saliency maps; whatever is wrong with a file is said by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.data.image_file import open_image, quickly_decoded, size_of, turned_image
from common.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

# Everything Pillow turns into 8-bit RGB without losing range; 16-bit and float images would be clipped silently.
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
# A grey PNG of 16 bits, whose range is always 0..65535. Of those with colours Pillow takes the upper byte by itself.
SIXTEEN_BIT_GREY = ("I;16", "I;16B", "I")

RGB_LABEL_MAP_HELP = (
    "is a colour (RGB) image, not a label map: its pixels are colours instead of class numbers. Use the original "
    "palette PNGs (SegmentationClassAug is also offered as a converted RGB copy; that one does not work), or map every "
    "colour back to its class number and save a palette or grey PNG."
)


def read_image(path: Path, upright: bool = False) -> npt.NDArray[np.uint8]:
    """Decode an image completely into uint8 [H, W, 3] RGB.

    Grey, palette and CMYK images are converted; transparency is dropped; of PNG with 16 bits per channel the upper 8 are taken, as a viewer
    shows them.

    Args:
        upright: turn the image as its EXIF orientation says, instead of taking the pixels as stored (see
            :mod:`common.data.image_file`).

    Raises:
        DataError: the file is missing, truncated, not an image, or has more than 8 bits per channel and is no PNG.
    """
    with open_image(path) as image:
        if image.format == "PNG" and image.mode in SIXTEEN_BIT_GREY:
            upper = np.array(turned_image(image, upright)) >> 8
            return np.repeat(upper.astype(np.uint8)[..., None], 3, axis=2)
        if image.mode not in EIGHT_BIT_MODES:
            raise DataError(
                f"{path} has pixel format {image.mode}, more than 8 bits per channel; save it as 8-bit RGB."
            )
        quick = quickly_decoded(path, image, upright)
        return np.array(turned_image(image, upright).convert("RGB")) if quick is None else quick


def read_label_map(path: Path, upright: bool = False) -> npt.NDArray[np.uint8]:
    """Read a palette or grey label map, uint8 [H, W]: the stored numbers, whatever the palette's colours are.

    Args:
        upright: as for :func:`read_image`.

    Raises:
        DataError: the file is missing, broken, a colour image, stored with loss (JPEG), or has labels above 255.
    """
    with open_image(path) as image:
        # MPO is a JPEG with further pictures in it; a TIFF may be compressed as JPEG is.
        if image.format in ("JPEG", "MPO") or image.info.get("compression") in ("jpeg", "tiff_jpeg"):
            raise DataError(f"{path} is a JPEG, whose compression changes class numbers; save label maps as PNG.")
        if image.mode in ("1", "L", "P"):
            return np.array(turned_image(image, upright), dtype=np.uint8)
        if image.mode.startswith("I"):
            return narrow_label_map(np.array(turned_image(image, upright)), path)
        raise DataError(f"{path} {RGB_LABEL_MAP_HELP}")


def narrow_label_map(label_map: npt.NDArray[Any], path: Path) -> npt.NDArray[np.uint8]:
    """A 16- or 32-bit label map [H, W] as uint8, if its numbers allow it."""
    if label_map.min() < 0 or label_map.max() > 255:
        raise DataError(f"{path} holds labels {label_map.min()}..{label_map.max()}; only 0..255 fit a label map.")
    return label_map.astype(np.uint8)


def read_saliency(path: Path, upright: bool = False, largest: int = 255) -> npt.NDArray[np.uint8]:
    """Read a saliency map, uint8 [H, W], 0 (background) .. 255 (salient).

    Args:
        upright: as for :func:`read_image`.
        largest: the value that stands for salient in the file, 255 or 1 (:mod:`common.data.saliency_levels`).

    Raises:
        DataError: the file is missing, broken, 16-bit, a colour image whose channels differ, or of another range.
    """
    levels = read_saliency_levels(path, upright)
    if levels.dtype == np.uint8 and largest == 255:
        return levels
    low, high = float(levels.min()), float(levels.max())
    # Also false for values that are no number.
    if not (low >= 0 and high <= largest):
        raise DataError(
            f"{path} holds values from {low:g} to {high:g}, the other saliency maps from 0 to {largest}: store it as those, "
            "or set data.saliency_largest to what all maps have."
        )
    return np.rint(levels.astype(np.float64) * (255 / largest)).astype(np.uint8)


def read_saliency_levels(path: Path, upright: bool = False) -> npt.NDArray[Any]:
    """The values of a saliency map as stored: uint8 [H, W], or float32 [H, W] of a floating-point TIFF.

    Args:
        upright: as for :func:`read_image`.

    Raises:
        DataError: the file is missing, broken, 16-bit, or a colour image whose channels differ.
    """
    with open_image(path) as image:
        if image.mode == "F":
            return np.array(turned_image(image, upright), np.float32)
        if image.mode not in EIGHT_BIT_MODES:
            raise DataError(f"{path} has pixel format {image.mode}; a saliency map is an 8-bit grey image.")
        image = turned_image(image, upright)
        if image.mode in ("1", "L"):
            return np.array(image.convert("L"))
        colours = np.array(image.convert("RGB"))
    if not (colours == colours[:, :, :1]).all():
        raise DataError(f"{path} is a colour image, not a saliency map; a saliency map is an 8-bit grey image.")
    return np.ascontiguousarray(colours[:, :, 0])


def image_size(path: Path, upright: bool = False) -> tuple[int, int]:
    """(height, width) in pixels, as the readers above give them, from the header alone; the pixels are not decoded.

    Raises:
        DataError: the file is missing or not an image.
    """
    with open_image(path, whole=False) as image:
        return size_of(image, path, upright)
