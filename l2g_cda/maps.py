"""From the trained network's scores at several sizes to attention maps and random-walk maps (l2g_cda spec, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import matplotlib
import numpy as np
import torch
from torch import nn

from common.bounds import bounded_share
from common.cam.attention_files import attention_bytes, write_attention_pngs
from common.cam.files import Cams, write_cams, write_dictionary
from common.cam.inference import CamConfig, CamInference, divided_by_maximum, finite_sum, resize_maps
from common.cam.random_walk_maps import RandomWalkMapInference, RandomWalkMaps, summed_by_size
from common.data.colours import Uint8
from common.data.images import image_size
from common.data.layout import DatasetLayout
from common.data.palette import write_label_map
from common.data.sampling import Sample
from common.errors import DataError
from common.paths import path_of_id
from common.pseudo_labels.background import Floats, constant
from common.pseudo_labels.labels import pseudo_label
from l2g_cda.network import ClassProbabilities

# Pixels of one pass through the network; its affinity of every pixel to every other takes memory that grows faster.
MOST_PIXELS = 2_000_000


@dataclass
class L2GCam(CamConfig):
    """How the trained global network is turned into maps.

    Args:
        scales: factors of the image's size; each also mirrored.
        batch_size: images of one call; those of equal size pass the network together.
        png_threshold: background score of ``cam_png``; nothing else depends on it.
        values: scores (published), or probabilities: the softmax over all classes and the background, which is what the
            global network learns.
    """

    scales: list[float] = field(default_factory=lambda: [0.5, 1.0, 1.5, 2.0])
    batch_size: int = 8
    png_threshold: float = bounded_share(0.35)
    values: Literal["scores", "probabilities"] = "scores"


class ScoreInference(CamInference):
    """The network's scores, or its probabilities, in passes that its affinity matrix has room for."""

    def __init__(self, network: nn.Module, config: L2GCam, device: torch.device) -> None:
        super().__init__(network if config.values == "scores" else ClassProbabilities(network), config, device)
        self.pass_pixels = min(self.pass_pixels, MOST_PIXELS)


class AttentionInference(ScoreInference):
    """``[sample] -> [Cams]``: scores K x h x w, any sign, averaged at image size; positive part over its maximum."""

    def kept(self, maps: torch.Tensor) -> torch.Tensor:
        return maps

    def fused(self, sample: Sample, maps: Sequence[torch.Tensor]) -> Cams:
        return Cams(sample["keys"], fuse_attention(maps, sample["size"]))


class RandomWalkInference(ScoreInference, RandomWalkMapInference):
    """``[sample] -> [RandomWalkMaps]``: scores K x h x w of every pass, not negative, added up."""


@torch.inference_mode()
def fuse_attention(maps: Sequence[torch.Tensor], size: tuple[int, int]) -> Floats:
    """Mean of every pass's signed maps K x h x w at image size (bicubic), negatives to 0, each class divided by its maximum.

    The result is K x H x W in 0..1; a class without a positive value is 0.
    """
    total = finite_sum([resize_maps(one, size, "bicubic") for one in summed_by_size(maps)])
    return divided_by_maximum((total / len(maps)).clamp(min=0), 1e-8)


def byte_shares(cams: Cams) -> Cams:
    """Maps K x H x W in 0..1 at the precision of the published 8-bit files: k / 255, which half precision tells apart.

    Label rules compare these in single precision with thresholds: 51 / 255 equals a threshold of 0.2 exactly.
    """
    return Cams(cams.keys, attention_bytes(cams.maps).astype(np.float32) / np.float32(255))


def write_attention(path: Path, cams: Cams) -> None:
    """The shared form of attention maps K x H x W in 0..1, at the precision of the published files."""
    write_cams(path, byte_shares(cams))


def write_published_pngs(out: Path, threshold: float, image_id: str, cams: Cams) -> None:
    """Write maps K x H x W in 0..1 as ``ms/attention/<id>_<c>.png`` (8-bit grey) and their labels as ``cam_png/<id>.png``."""
    write_attention_pngs(out / "ms" / "attention", image_id, cams)
    labels = pseudo_label(cams.maps, cams.keys, constant(threshold, cams.maps.shape[1:]))
    write_label_map(path_of_id(out / "cam_png", image_id, ".png"), labels)


def write_irn(path: Path, maps: RandomWalkMaps) -> None:
    """IRN's dictionary: ``keys`` are 0-based classes."""
    write_dictionary(path, {"keys": maps.keys.astype(np.int64), "cam": maps.quarter, "high_res": maps.full})


def picture_names(layout: DatasetLayout, ids: Sequence[str], folder: Path) -> list[str]:
    """``<id>_<class number>`` of all maps in a folder; images without are passed over, as published."""
    tags = {
        image_id: row
        for image_id, row in layout.read_tags(ids).items()
        if path_of_id(folder, image_id, ".npz").is_file()
    }
    names = [f"{image_id}_{number}" for image_id, row in tags.items() for number in np.flatnonzero(row)]
    if not names:
        raise DataError(f"no attention map of any listed image in {folder}; compute them first")
    return names


class AttentionPicture:
    """``"<id>_<class number>" -> picture`` uint8 RGB H x W x 3 in jet colours (picklable)."""

    def __init__(self, layout: DatasetLayout, read: Callable[[str], Cams]) -> None:
        self.layout, self.read = layout, read

    def __call__(self, name: str) -> Uint8:
        image_id, _, number = name.rpartition("_")
        keys, maps = self.read(image_id)
        if int(number) not in keys:
            raise DataError(f"the maps of {image_id} have none of class {number}; compute them again")
        attention = attention_bytes(maps[keys == int(number)][0])
        values = stretched(attention, image_size(self.layout.image_path(image_id), self.layout.upright))
        colours: Uint8 = matplotlib.colormaps["jet"](values, bytes=True)[..., :3]
        return colours


def stretched(attention: Uint8, size: tuple[int, int]) -> Uint8:
    """The map uint8 h x w at ``size`` = (height, width), from its own minimum (0) to its maximum (255).

    Resized in 8 bits with OpenCV's cubic kernel; values are truncated.
    """
    resized = cv2.resize(attention, (size[1], size[0]), interpolation=cv2.INTER_CUBIC).astype(np.float64)
    low, high = resized.min(), resized.max()
    return np.asarray((resized - low) / (high - low + 1e-8) * 255, np.uint8)
