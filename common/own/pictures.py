"""The pictures of one image on the page: the photograph, and over it what each step made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from common.cam.files import Cams
from common.data.image_names import SUFFIX_VARIANTS, find_file
from common.data.images import read_image, read_label_map
from common.method.label_maker import ReadMaps
from common.method.pictures import map_overlay
from common.own.evidence import Heat
from common.paths import path_of_id
from common.visual.overlay import label_overlay
from common.visual.panels import write_jpeg

PHOTOGRAPH, MASK, LEARNED, LOOKED = "photograph", "mask", "what the network learned from", "where the classifier looked"
# Longer side in pixels of the pictures that are made for the page; the photograph and the mask over it keep their own size.
LARGEST, PICTURE_QUALITY = 1600, 88

PhotoPixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ImageSources:
    """Where what each step made of an image lies.

    Attributes:
        images: folder of the photographs.
        overlays: folder of the masks over the photographs, ``.jpg``.
        labels: id -> label map that the network learned from; no file for an image that was held back.
        heat: id -> where the classifier saw any class, float32 h x w, 0..1; None where there are no maps.
        out: folder for the pictures that are made.
    """

    images: Path
    overlays: Path
    labels: Callable[[str], Path]
    heat: Callable[[str], Heat | None]
    out: Path

    def pictures(self, image_id: str) -> dict[str, Path]:
        """Title -> file, for what there is of the image; writes the pictures that are not there as files already.

        Raises:
            DataError: the photograph is not there or cannot be read.
        """
        photograph = find_file(self.images, image_id, SUFFIX_VARIANTS, "photograph")
        pictures = {PHOTOGRAPH: photograph, MASK: path_of_id(self.overlays, image_id, ".jpg")}
        small = shrunk(read_image(photograph, upright=True))
        label, heat = self.labels(image_id), self.heat(image_id)
        made = {}
        if label.is_file():
            made[LEARNED] = label_overlay(small, resized_labels(read_label_map(label), small))
        if heat is not None:
            made[LOOKED] = map_overlay(small, heat)
        for title, picture in made.items():
            pictures[title] = path_of_id(self.out / title, image_id, ".jpg")
            write_jpeg(pictures[title], picture, PICTURE_QUALITY)
        return pictures


def class_maps(read: Callable[[str], Cams]) -> Callable[[str], Cams | None]:
    """``id -> maps`` that says None where a stage has made none, as of images that were held back.

    Args:
        read: as the method's labels read them.
    """

    def found(image_id: str) -> Cams | None:
        if not isinstance(read, ReadMaps) or not path_of_id(read.folder, image_id, read.suffix).is_file():
            return None
        return read(image_id)

    return found


def shrunk(image: PhotoPixels, largest: int = LARGEST) -> PhotoPixels:
    """The image, uint8 H x W x 3, with a longer side of at most ``largest`` pixels."""
    height, width = image.shape[:2]
    scale = largest / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def resized_labels(label_map: PhotoPixels, like: npt.NDArray[np.generic]) -> PhotoPixels:
    """A label map, uint8 h x w, at height and width of ``like``, by its nearest pixels."""
    size = (like.shape[1], like.shape[0])
    return np.asarray(cv2.resize(label_map, size, interpolation=cv2.INTER_NEAREST), np.uint8)
