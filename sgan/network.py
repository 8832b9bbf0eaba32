"""SGAN: backbone, masked self-attention, and the two branches that supervise it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.cam.files import Cams
from common.data.sampling import Sample
from common.errors import NonFiniteError
from common.models.base import Backbone, scaled_channels
from sgan.attention import LINEAR, dense_context, salient_context


class SganMaps(NamedTuple):
    """What the network makes of images, at feature size h x w.

    Attributes:
        features: n x c x h x w, the backbone's output.
        segmentation: n x C x h x w, logits of the seed branch (no background channel).
        cam: n x C x h x w, class maps whose spatial mean is the classification logit.
    """

    features: Tensor
    segmentation: Tensor
    cam: Tensor


class SGAN(nn.Module):
    """Saliency-guided self-attention network (Yao and Gong, IEEE Access 2020; sgan spec, section 2.1).

    Args:
        backbone: 512 channels in the published network.
        n_classes: classes without background.
        width: factor on the 1024 channels of the classification branch.
        normaliser: how attention scores become weights.
        dense: form the N x N attention weights as the published code does, for comparison.
    """

    def __init__(
        self,
        backbone: Backbone,
        n_classes: int = 20,
        width: float = 1.0,
        normaliser: str = LINEAR,
        dense: bool = False,
    ) -> None:
        super().__init__()
        channels, hidden = backbone.out_channels, scaled_channels(1024, width)
        self.normaliser = normaliser
        self.dense = dense or normaliser != LINEAR
        # The scale of the context, registered first as in the published checkpoint.
        self.gamma = nn.Parameter(torch.zeros(1))
        self.backbone = backbone
        self.f_key = nn.Conv2d(channels, channels // 2, 1)
        self.f_query = nn.Conv2d(channels, channels // 2, 1)
        self.fc6_CAM = nn.Conv2d(channels, hidden, 3, padding=1)
        self.drop = nn.Dropout2d(0.5)
        self.fc8 = nn.Conv2d(hidden, n_classes, 1, bias=False)
        self.fc9 = nn.Conv2d(channels, n_classes, 1)

    def forward(self, images: Tensor, salient: Tensor) -> tuple[Tensor, Tensor]:
        """Classification logits n x C and seed logits n x C x h x w; see :meth:`maps`."""
        maps = self.maps(images, salient)
        return maps.cam.mean(dim=(2, 3)), maps.segmentation

    def maps(self, images: Tensor, salient: Tensor) -> SganMaps:
        """All maps.

        Args:
            images: float32 n x 3 x H x W, normalised.
            salient: n x h x w, 1 for salient positions and 0 for others; h = ceil(H / 8), w = ceil(W / 8).
        """
        features = self.backbone(images)
        fused = self.attend(features, salient)
        cam = self.fc8(self.drop(self.fc6_CAM(fused).relu()))
        return SganMaps(features, self.fc9(fused), cam)

    def attend(self, features: Tensor, salient: Tensor) -> Tensor:
        """gamma x context + features, n x c x h x w, any sign; salient 0/1, n x h x w, or dense masks n x 2 x N x N."""
        query, key = self.f_query(features).flatten(2), self.f_key(features).flatten(2)
        # Only the published form of the training step hands over dense masks.
        mask = salient if salient.dim() == 4 else salient.flatten(1)
        # Sums over thousands of positions and differences of scores need full precision.
        with torch.autocast(features.device.type, enabled=False):
            values = features.flatten(2).float()
            if self.dense:
                context = dense_context(query.float(), key.float(), values, mask, self.normaliser)
            else:
                context = salient_context(query.float(), key.float(), values, mask)
        return self.gamma * context.view_as(features).to(features.dtype) + features


@torch.inference_mode()
def tagged_maps(network: nn.Module, combine: bool, device: torch.device, samples: Sequence[Sample]) -> list[Cams]:
    """The maps of the tagged classes of every image: raw logits of any sign, float32 K x h x w.

    Args:
        combine: add the maps of both branches; False takes the class maps alone.
        samples: of :func:`sgan.dataset.map_input`.

    Raises:
        NonFiniteError: the network gives NaN or infinite values.
    """
    assert isinstance(network, SGAN)
    images, salient = (torch.stack([one[name] for one in samples]).to(device) for name in ("image", "salient"))
    found = network.maps(images, salient)
    maps = (found.cam + found.segmentation if combine else found.cam).float().cpu().numpy()
    if not np.isfinite(maps).all():
        raise NonFiniteError("the maps hold NaN or infinite values; check the trained network")
    return [Cams(one["keys"], own[one["keys"]]) for own, one in zip(maps, samples, strict=True)]
