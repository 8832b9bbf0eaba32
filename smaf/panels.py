"""Pictures of one image besides those of every method: what the paper's figure shows of the fusion and of the target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch

from common.cam.files import Cams
from common.cam.inference import CamConfig, CamInference, PyramidLoader
from common.data.palette import colour_label_map
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.method.pictures import map_overlay
from common.report.html import Panel
from smaf.losses import attention_target, probabilities_at, salient_attention
from smaf.network import MapScores, ScoreNetwork


class OneImage:
    """Reads the one image that it holds, as a dataset does."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def read(self, image_id: str) -> Sample:
        """``image`` (uint8, H x W x 3) and ``tags`` (float32, C)."""
        return self.sample


def scale_panels(
    network: ScoreNetwork, sample: Sample, config: CamConfig, classes: Sequence[str], device: torch.device
) -> Iterator[Panel]:
    """The maps of every scale alone, of the first tag: what is fused.

    Args:
        sample: ``image`` (uint8 RGB, H x W x 3) and ``tags`` (float32, C).
    """
    for scale in config.scales:
        alone = dataclasses.replace(config, scales=[scale])
        found = CamInference(network, alone, device)([PyramidLoader(OneImage(sample), alone)(sample["id"])])[0]
        if len(found.keys):
            yield Panel(f"scale {scale:g}: {classes[found.keys[0]]}", map_overlay(sample["image"], found.maps[0]))


@torch.inference_mode()
def saliency_panel(network: ScoreNetwork, image: np.ndarray, device: torch.device) -> Panel:
    """Saliency as the maps see it: one minus the background's probability; ``image`` is uint8 RGB, H x W x 3."""
    scores = cast(MapScores, network.to(device)(ToTensors().image(image)[None].to(device)))
    background = probabilities_at(scores.maps, torch.Size(image.shape[:2]))[0, -1]
    return Panel("saliency from the maps", np.rint(255 * (1 - background.cpu().numpy())).astype(np.uint8))


def target_panel(fused: Cams, background: float, saliency: np.ndarray | None = None, weight: float = 0.0) -> Panel:
    """Where the denoised and reactivated target of a self-training is one, in the colours of the classes.

    Args:
        fused: maps of the tagged classes, K x H x W in 0..1.
        background: score of the background in 0..1.
        saliency: uint8 H x W.
        weight: of saliency in the foreground of the target.
    """
    attention = torch.from_numpy(np.asarray(fused.maps, np.float32))[None]
    if weight and saliency is not None and len(fused.keys):
        attention = salient_attention(attention, torch.from_numpy(saliency)[None, None] / 255, weight)
    target = attention_target(attention, background)[0]
    labels = np.append(np.asarray(fused.keys) + 1, 0).astype(np.uint8)
    return Panel("target of the self-training", colour_label_map(labels[target.argmax(0).numpy()]))
