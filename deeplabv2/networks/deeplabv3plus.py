"""DeepLabv3+ as SOD-WSSS trains it (sod_wsss spec, section 2.3): atrous pyramid with image pooling, decoder with finer features.

Chen et al., "Encoder-decoder with atrous separable convolution", with plain convolutions. Tensor names are the published ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.engine.optimizer import GroupRule, weights_and_biases_rules
from common.errors import CheckpointError
from common.models.base import Backbone, scaled_channels

HeadPart = TypeVar("HeadPart", bound=nn.Module)
HeadNorm = Literal["group", "batch", "fixed"]
V3PLUS_RATES = (6, 12, 18)
BRANCH_CHANNELS = 256
LOW_LEVEL_CHANNELS = 48
NORM_GROUPS = 4
# Published files hold the backbone twice, as model.* and as parts of stages 1 to 5.
STAGE_NAME = re.compile(r"((?:.*\.)?)stage([1-5])\.([01])\.(.*)")


class FixedBatchNorm2d(nn.BatchNorm2d):
    """A BatchNorm that normalises with its running statistics in training too, and never updates them."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.eval()

    def train(self, mode: bool = True) -> FixedBatchNorm2d:
        super().train(False)
        return self


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(NORM_GROUPS, channels)


NORMS: dict[HeadNorm, Callable[[int], nn.Module]] = {
    "group": group_norm,
    "batch": nn.BatchNorm2d,
    "fixed": FixedBatchNorm2d,
}


class AtrousBranch(nn.Module):
    """One convolution of the pyramid, normalised: N x C x h x w to N x K x h x w, not negative."""

    def __init__(self, in_channels: int, channels: int, rate: int, norm: HeadNorm) -> None:
        super().__init__()
        kernel, padding = (3, rate) if rate else (1, 0)
        self.atrous_conv = nn.Conv2d(in_channels, channels, kernel, padding=padding, dilation=max(1, rate), bias=False)
        self.bn = NORMS[norm](channels)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.bn(self.atrous_conv(features)))


class PooledPyramid(nn.Module):
    """ASPP: a 1x1 convolution, one 3x3 per rate, the image's mean; joined by a 1x1 convolution.

    N x C x h x w to N x K x h x w, not negative.
    """

    def __init__(self, in_channels: int, channels: int, rates: Sequence[int], norm: HeadNorm) -> None:
        super().__init__()
        self.n_branches = 1 + len(rates)
        for number, rate in enumerate((0, *rates), start=1):
            self.add_module(f"aspp{number}", AtrousBranch(in_channels, channels, rate, norm))
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, channels, 1, bias=False), NORMS[norm](channels), nn.ReLU()
        )
        self.conv1 = nn.Conv2d(channels * (self.n_branches + 1), channels, 1, bias=False)
        self.bn1 = NORMS[norm](channels)
        self.dropout = nn.Dropout(0.5)

    def forward(self, features: Tensor) -> Tensor:
        branches = [self.get_submodule(f"aspp{number}")(features) for number in range(1, self.n_branches + 1)]
        pooled = resize_to(self.global_avg_pool(features), features)
        joined: Tensor = self.dropout(functional.relu(self.bn1(self.conv1(torch.cat([*branches, pooled], 1)))))
        return joined


class LowLevelDecoder(nn.Module):
    """The pyramid's answer with the finer features: N x K x h x w and N x C x h' x w' to logits N x n_labels x h' x w'."""

    def __init__(self, low_channels: int, channels: int, reduced: int, n_labels: int, norm: HeadNorm) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(low_channels, reduced, 1, bias=False)
        self.bn1 = NORMS[norm](reduced)
        self.classifier = nn.Sequential(
            *(nn.Conv2d(channels + reduced, channels, 3, padding=1, bias=False), NORMS[norm](channels)),
            *(nn.ReLU(), nn.Dropout(0.5)),
            *(nn.Conv2d(channels, channels, 3, padding=1, bias=False), NORMS[norm](channels)),
            *(nn.ReLU(), nn.Dropout(0.1)),
            nn.Conv2d(channels, n_labels, 1),
        )

    def forward(self, features: Tensor, low_level: Tensor) -> Tensor:
        reduced = functional.relu(self.bn1(self.conv1(low_level)))
        logits: Tensor = self.classifier(torch.cat([resize_to(features, reduced), reduced], 1))
        return logits


class DeepLabV3Plus(nn.Module):
    """Images N x 3 x H x W (RGB, normalised as ImageNet's weights expect) -> logits N x n_labels x H x W.

    Args:
        backbone: one with ``stage_outputs``; the decoder takes those at stride 4.
        n_labels: labels with background.
        rates: dilations of the pyramid's 3x3 convolutions.
        norm: what normalises the new layers: ``group`` (4 groups), ``batch``, or ``fixed`` (statistics 0 and 1 that never
            change: what the published ``--use_gn False --mode fix`` does in effect).
        width: factor on the new layers' channels, 256 and 48.

    Raises:
        ConfigError: the backbone gives its last features only.
    """

    model: Backbone

    def __init__(
        self, backbone: Backbone, n_labels: int, rates: Sequence[int], norm: HeadNorm = "group", width: float = 1.0
    ) -> None:
        super().__init__()
        channels, reduced = scaled_channels(BRANCH_CHANNELS, width), scaled_channels(LOW_LEVEL_CHANNELS, width)
        backbone.require_stage_outputs()
        # Checkpoints call it so.
        self.model = backbone
        self.aspp = he_initialised(PooledPyramid(backbone.out_channels, channels, rates, norm))
        low_channels = backbone.stage_channels[1]
        self.decoder = he_initialised(LowLevelDecoder(low_channels, channels, reduced, n_labels, norm))

    def forward(self, images: Tensor) -> Tensor:
        features = self.model.stage_outputs(images)
        return resize_to(self.decoder(self.aspp(features[-1]), features[1]), images)


def he_initialised(part: HeadPart) -> HeadPart:
    """He's initial weights (normal, fan-in) of all convolutions; biases as PyTorch's."""
    for layer in part.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return part


def resize_to(maps: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize of N x C x h x w, any sign, to the height and width of ``like``, corners aligned."""
    return functional.interpolate(maps, like.shape[2:], mode="bilinear", align_corners=True)


def v3plus_rules(head: str, multiplier: float) -> list[GroupRule]:
    """The pretrained backbone and the new layers; ``head`` alone would leave out the pyramid."""
    return weights_and_biases_rules(r"(^|\.)(aspp|decoder)\.", multiplier)


def without_stage_names(state: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The tensors of a published file, each once: ``stage1.0.*`` is ``model.conv1.*``, ``stage3.0.*`` ``model.layer2.*``.

    Raises:
        CheckpointError: the two forms of a tensor differ.
    """
    tensors = {name: tensor for name, tensor in state.items() if not STAGE_NAME.fullmatch(name)}
    for name, tensor in state.items():
        match = STAGE_NAME.fullmatch(name)
        if match is None:
            continue
        prefix, stage, place, rest = match.groups()
        part = ("conv1", "bn1")[int(place)] if stage == "1" else f"layer{int(stage) - 1}"
        own = f"{prefix}model.{part}.{rest}"
        if not torch.equal(tensors.setdefault(own, tensor), tensor):
            raise CheckpointError(
                f"{source}: {name} and {own} are one tensor and differ; the file is damaged, fetch it again"
            )
    return tensors
