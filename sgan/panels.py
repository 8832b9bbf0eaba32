"""Pictures of one image besides those of every method: what the attention and the seed branch made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from common.cam.files import Cams
from common.data.sampling import Sample
from common.data.zoom import Floats, zoom_nearest
from common.method.pictures import map_overlay
from common.report.html import Panel
from sgan.attention import attention_weights
from sgan.labels import relative_to_maximum
from sgan.network import SGAN


@torch.inference_mode()
def network_panels(
    network: nn.Module, image: np.ndarray, sample: Sample, cams: Cams, classes: Sequence[str]
) -> Iterator[Panel]:
    """Salient positions, the seed branch's map of every tagged class, and the attention of the strongest position.

    Args:
        image: uint8 RGB, H x W x 3.
        sample: the network's input for it.
        cams: its maps, K x h x w.
    """
    assert isinstance(network, SGAN)
    found = network.maps(sample["image"][None], sample["salient"][None])
    salient = sample["salient"].numpy()
    yield Panel("salient positions", zoom_nearest(salient * np.uint8(255), image.shape[:2]))
    for key in cams.keys:
        yield Panel(
            f"seed branch: {classes[key]}",
            map_overlay(image, relative_to_maximum(found.segmentation[:, key].numpy())[0]),
        )
    if salient.any() and len(cams.keys):
        heat = attention_of_strongest(network, found.features, salient, cams.maps[0])
        yield Panel("attention of the strongest position", map_overlay(image, relative_to_maximum(heat[None])[0]))


def attention_of_strongest(network: SGAN, features: Tensor, salient: np.ndarray, strength: Floats) -> Floats:
    """The weights with which the salient position whose map is strongest looks at all positions, h x w.

    Args:
        features: 1 x c x h x w.
        salient: h x w, 0 or 1.
        strength: h x w, a class's map.
    """
    query, key = network.f_query(features).flatten(2), network.f_key(features).flatten(2)
    weights = attention_weights(query, key, torch.from_numpy(salient.flatten()[None]), network.normaliser)[0]
    strongest = int(np.where(salient > 0, strength, -np.inf).argmax())
    return np.asarray(weights[strongest].reshape(strength.shape))
