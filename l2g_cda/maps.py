"""From the trained network's scores at several sizes to attention maps and random-walk maps (l2g_cda spec, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate

from common.cam.files import Cams
from common.cam.inference import CamConfig, CamInference
from common.data.palette import write_label_map
from common.data.sampling import Sample
from common.errors import NonFiniteError
from common.files import atomic_write
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import pseudo_label
from l2g_cda.config import MapConfig
from l2g_cda.data.pyramid import multi_scale
from l2g_cda.labels.attention_files import attention_path

Floats = npt.NDArray[np.float32]

# Pixels of one pass through the network; its affinity of every pixel to every other takes memory that grows faster.
MOST_PIXELS = 2_000_000
# Images of equal size among these pass the network together.
IMAGES_PER_CALL = 8

AFFINITY_FOLDER, IRN_FOLDER = "cam_npy_aff", "cam_npy_irn"


@dataclass(frozen=True)
class RandomWalkMaps:
    """Attributes: keys: 0-based classes, K; quarter: K x ceil(H / 4) x ceil(W / 4); full: K x H x W; both 0..1."""

    keys: npt.NDArray[np.int64]
    quarter: Floats
    full: Floats


class PyramidReader:
    """``id -> sample`` with the image at every scale, the tagged classes and the size; runs in worker processes."""

    def __init__(self, images: Any, scales: Sequence[float], normalisation: str) -> None:
        self.images, self.scales, self.normalisation = images, tuple(scales), normalisation

    def __call__(self, image_id: str) -> Sample:
        sample = self.images.read(image_id)
        # The mirrored ones are made on the device.
        pyramid = multi_scale(sample["image"], self.scales, self.normalisation)[::2]
        return {"keys": np.flatnonzero(sample["tags"]), "size": sample["image"].shape[:2], "pyramid": pyramid}


class ScoreInference(CamInference):
    """The score maps of the network in passes that its affinity matrix has room for."""

    def __init__(self, network: nn.Module, config: CamConfig, device: torch.device) -> None:
        super().__init__(network, config, device)
        self.pass_pixels = min(self.pass_pixels, MOST_PIXELS)


class AttentionInference(ScoreInference):
    """``[sample] -> [Cams]``: signed scores, averaged at image size, then their positive part divided by its maximum."""

    def kept(self, maps: torch.Tensor) -> torch.Tensor:
        return maps

    def fused(self, sample: Sample, maps: Sequence[torch.Tensor]) -> Cams:
        return Cams(sample["keys"], fuse_attention(maps, sample["size"]))


class RandomWalkInference(ScoreInference):
    """``[sample] -> [RandomWalkMaps]``: positive scores, added up."""

    def fused(self, sample: Sample, maps: Sequence[torch.Tensor]) -> RandomWalkMaps:
        return RandomWalkMaps(sample["keys"], *fuse_random_walk(maps, sample["size"]))


def inference_settings(config: MapConfig) -> CamConfig:
    """The settings of :class:`CamInference` for these maps."""
    return CamConfig(scales=config.scales, flip=True, precision=config.precision, batch_size=IMAGES_PER_CALL)


def summed_by_size(maps: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The sums of maps of equal size: an image's and its mirror's, which may then be enlarged together."""
    sums: dict[torch.Size, torch.Tensor] = {}
    for one in maps:
        sums[one.shape] = sums[one.shape] + one if one.shape in sums else one
    return list(sums.values())


def enlarged(maps: torch.Tensor, size: tuple[int, int], mode: str) -> torch.Tensor:
    """K x h x w at ``size`` without aligned corners; K may be 0."""
    if not len(maps):
        return maps.new_zeros((0, *size))
    return interpolate(maps[None], size, mode=mode, align_corners=False)[0]


@torch.inference_mode()
def fuse_attention(maps: Sequence[torch.Tensor], size: tuple[int, int]) -> Floats:
    """Mean of signed maps at image size (bicubic), negatives to 0, each class divided by its maximum.

    Args:
        maps: K x h x w of every pass, in the image's own orientation.
        size: height, width.

    Returns:
        K x H x W in 0..1; a class without a positive value is 0.
    """
    total = sum_of([enlarged(one, size, "bicubic") for one in summed_by_size(maps)])
    return divided_by_maximum((total / len(maps)).clamp(min=0), 1e-8)


@torch.inference_mode()
def fuse_random_walk(maps: Sequence[torch.Tensor], size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Sums of positive maps (bilinear) at a quarter of the image's size and at its own, divided by the maximum.

    The full size is reached through the next multiples of 16, cut to the image.
    """
    height, width = size
    quarter = ((height - 1) // 4 + 1, (width - 1) // 4 + 1)
    padded = ((height - 1) // 16 * 16 + 16, (width - 1) // 16 * 16 + 16)
    sums = summed_by_size(maps)
    small = sum_of([enlarged(one, quarter, "bilinear") for one in sums])
    full = sum_of([enlarged(one, padded, "bilinear")[:, :height, :width] for one in sums])
    return divided_by_maximum(small, 1e-5), divided_by_maximum(full, 1e-5)


def sum_of(maps: Sequence[torch.Tensor]) -> torch.Tensor:
    """Sum of maps of one size.

    Raises:
        NonFiniteError: it holds NaN or infinite values.
    """
    total = torch.stack(list(maps)).sum(0)
    if not torch.isfinite(total).all():
        raise NonFiniteError("the score maps hold NaN or infinite values; check the training, or use precision fp32")
    return total


def divided_by_maximum(maps: torch.Tensor, epsilon: float) -> Floats:
    maximum = maps.flatten(1).amax(1) if len(maps) else maps.new_zeros(0)
    divided: Floats = (maps / (maximum[:, None, None] + epsilon)).cpu().numpy()
    return divided


def attention_bytes(attention: Floats) -> npt.NDArray[np.uint8]:
    """255 times the attention, rounded (halves to even) as OpenCV does."""
    return np.clip(np.rint(attention * 255), 0, 255).astype(np.uint8)


def attention_labels(cams: Cams, threshold: float) -> npt.NDArray[np.uint8]:
    """The strongest tagged class of each pixel, background (0) where none exceeds the threshold."""
    return pseudo_label(cams.maps, cams.keys, constant(threshold, cams.maps.shape[1:]))


class AttentionWriter:
    """Writes an image's ``<id>_<c>.png`` per class, then ``cam_png/<id>.png``: where that is, the others are."""

    def __init__(self, folder: Path, threshold: float) -> None:
        self.folder, self.threshold = folder, threshold

    def __call__(self, path: Path, cams: Cams) -> None:
        for number, attention in zip(cams.keys.tolist(), cams.maps, strict=True):
            picture = Image.fromarray(attention_bytes(attention))
            atomic_write(attention_path(self.folder, path.stem, number), partial(picture.save, format="PNG"))
        write_label_map(path, attention_labels(cams, self.threshold))


def affinity_content(maps: RandomWalkMaps) -> dict[str, Any]:
    """AffinityNet's dictionary: ``keys`` begin with the background, 0."""
    return {"keys": np.concatenate([[0], maps.keys + 1]).astype(np.int64), "cam": maps.quarter, "hr_cam": maps.full}


def irn_content(maps: RandomWalkMaps) -> dict[str, Any]:
    """IRN's dictionary: ``keys`` are 0-based classes."""
    return {"keys": maps.keys.astype(np.int64), "cam": maps.quarter, "high_res": maps.full}


def write_random_walk(path: Path, maps: RandomWalkMaps) -> None:
    """Write ``cam_npy_irn/<id>.npy``, then ``cam_npy_aff/<id>.npy`` (``path``): where that is, the other is."""
    contents = {path.parent.with_name(IRN_FOLDER) / path.name: irn_content(maps), path: affinity_content(maps)}
    for file, content in contents.items():
        atomic_write(file, partial(np.save, arr=np.array(content, dtype=object)))
