"""Pictures side by side, and pictures as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common.errors import DataError
from common.files import atomic_write

GAP = 6
TITLE_SIZE = 13
PAPER = (255, 255, 255)
INK = (20, 20, 20)


def side_by_side(images: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int | None = None) -> np.ndarray:
    """Lay pictures out in rows on white paper, each with its title above it.

    Args:
        images: uint8 [H, W, 3] or grey [H, W]; sizes may differ, each is centred in the space of the largest.
        titles: one per image, or none at all; a title wider than its picture is cut with an ellipsis.
        columns: pictures per row; all in one row when None.

    Returns:
        uint8 RGB [H', W', 3].

    Raises:
        DataError: no image, or not one title per image.
    """
    if not images:
        raise DataError("no image to lay out; give at least one")
    if titles and len(titles) != len(images):
        raise DataError(f"{len(titles)} titles for {len(images)} images; give one per image or none")
    pictures = [Image.fromarray(as_rgb(image)) for image in images]
    columns = min(columns or len(pictures), len(pictures))
    rows = -(-len(pictures) // columns)
    width, height = max(picture.width for picture in pictures), max(picture.height for picture in pictures)
    title_height = TITLE_SIZE + 6 if titles else 0
    step_x, step_y = width + GAP, height + title_height + GAP
    sheet = Image.new("RGB", (columns * step_x + GAP, rows * step_y + GAP), PAPER)
    for number, picture in enumerate(pictures):
        left, top = GAP + (number % columns) * step_x, GAP + (number // columns) * step_y
        if titles:
            _draw_title(sheet, titles[number], left, top, width)
        sheet.paste(picture, (left + (width - picture.width) // 2, top + title_height + (height - picture.height) // 2))
    return np.asarray(sheet)


def _draw_title(sheet: Image.Image, title: str, left: int, top: int, width: int) -> None:
    font = ImageFont.load_default(TITLE_SIZE)
    shown = title
    while len(shown) > 1 and font.getlength(shown) > width:
        shown = shown.removesuffix("...")[:-1] + "..." if len(shown.removesuffix("...")) > 1 else shown[:1]
    ImageDraw.Draw(sheet).text((left + max(0, (width - font.getlength(shown)) / 2), top), shown, fill=INK, font=font)


def as_rgb(image: np.ndarray) -> np.ndarray:
    """A uint8 picture [H, W] or [H, W, 3] as [H, W, 3]."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise DataError(f"picture is {image.dtype} {image.shape}; give uint8 [H, W] or [H, W, 3]")
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 picture [H, W] or RGB [H, W, 3]."""
    content = png_bytes(image)
    atomic_write(path, lambda file: file.write(content))


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """Write a uint8 picture [H, W] or RGB [H, W, 3]; quality 1 to 95."""
    content = jpeg_bytes(image, quality)
    atomic_write(path, lambda file: file.write(content))


def png_bytes(image: np.ndarray) -> bytes:
    """A uint8 picture [H, W] or RGB [H, W, 3] as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(as_rgb(image)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def jpeg_bytes(image: np.ndarray, quality: int) -> bytes:
    """A uint8 picture [H, W] or RGB [H, W, 3] as the bytes of a JPEG file; quality 1 to 95."""
    buffer = io.BytesIO()
    Image.fromarray(as_rgb(image)).save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()
