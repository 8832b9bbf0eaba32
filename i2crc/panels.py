"""Pictures of one image besides those of every method: what the paper's figure shows of scores under saliency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from common.cam.inference import resize_maps
from common.data.colours import NORMALISATIONS
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.method.pictures import map_overlay
from common.report.html import Panel
from i2crc.losses import SumsOverMask
from i2crc.network import RelationClassifier
from i2crc.samples import squared_image, squared_saliency


@torch.inference_mode()
def relation_panels(
    network: nn.Module, sample: Sample, side: int, normalisation: str, classes: Sequence[str]
) -> Iterator[Panel]:
    """The scores of every tagged class, with their means inside and outside of the salient region, and how far the scores are
    from these means: what the class-specific and the class-agnostic distance look at. Nothing without a saliency map.

    Args:
        sample: ``image`` (uint8 RGB, H x W x 3), ``tags`` (float32, C) and ``saliency`` (uint8, H x W).
        side: of the square that the network sees.
    """
    if "saliency" not in sample:
        return
    square = ToTensors(*NORMALISATIONS[normalisation]).image(squared_image(sample["image"], side))
    device = next(network.parameters()).device
    maps = cast(RelationClassifier, network).class_maps(square[None].to(device)).float().cpu()
    saliency = squared_saliency(sample["saliency"], side)[None]
    size = (maps.shape[2], maps.shape[3])
    inside, outside = (SumsOverMask(mask, size).prototypes(maps)[0] for mask in (saliency, 1 - saliency))
    height, width = sample["image"].shape[:2]
    scores = resize_maps(maps[0], (height, width))
    for key in np.flatnonzero(sample["tags"]).tolist():
        title = f"scores of {classes[key]}: mean {inside[key]:.1f} inside, {outside[key]:.1f} outside"
        positive = scores[key].clamp(min=0)
        yield Panel(title, map_overlay(sample["image"], (positive / positive.max().clamp(min=1e-5)).numpy()))
    salient = torch.from_numpy(np.asarray(sample["saliency"], np.float32)) / 255
    apart = [
        (mask * (scores - mean[:, None, None])).square().mean(0)
        for mask, mean in ((salient, inside), (1 - salient, outside))
    ]
    distance = apart[0] + apart[1]
    shares = distance / distance.max().clamp(min=1e-5)
    yield Panel("distance from the mean of the region", map_overlay(sample["image"], shares.numpy()))
