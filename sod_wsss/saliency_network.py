"""The saliency network SOD_A_Net: encoder, four PATM blocks from coarse to fine, an edge branch (sod_wsss spec, section 2.2).

Names of tensors are the published ones, except that the encoder is called ``encoder``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, cast

import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn.functional import interpolate

from common.engine.optimizer import GroupRule
from common.errors import require
from common.models.tensor_names import converted_inside
from common.models.weights import load_weights, read_state_dict
from sod_wsss.saliency_encoders import BackboneTaps, SwinTaps, swin_names

# Dilations of the two dilated convolutions of each block, from the finest to the coarsest.
PATM_DILATIONS = ((5, 3), (5, 3), (3, 2), (3, 2))
EDGE_DROP_PATH = 0.3
# Stride of the coarsest map; from it each block doubles the size up to the maps before it.
COARSEST = 32
PUBLISHED_ENCODER, ENCODER = "encoderR.", "encoder."
# Members of the published edge branch that no output depends on.
UNUSED = tuple(f"rgb_edge_aware.{name}." for name in ("conv1", "conv2", "conv3", "pos_embed", "norm1"))


class SaliencyScores(NamedTuple):
    """Attributes: maps: four logits N x 1 x S x S, the finest first, which is the prediction; edge: N x 1 x S x S."""

    maps: list[Tensor]
    edge: Tensor


class ConvBlock(nn.Module):
    """3x3 convolution without bias, BatchNorm, ReLU; N x a x h x w to N x b x h x w."""

    conv_bn_pairs: ClassVar[tuple[tuple[str, str], ...]] = (("conv", "bn"),)

    def __init__(self, entering: int, leaving: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(entering, leaving, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(leaving)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.bn(self.conv(x)).relu())


class DoublingBlock(nn.Module):
    """2x2 transposed convolution of stride 2 without bias, BatchNorm, ReLU; N x a x h x w to N x b x 2h x 2w."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.Deconv = nn.ConvTranspose2d(entering, leaving, 2, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(leaving)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.bn(self.Deconv(x)).relu())


def waves(x: Tensor) -> Tensor:
    """Features as waves of which they are amplitude and phase: N x C x h x w to N x 2C x h x w."""
    return torch.cat([x * x.cos(), x * x.sin()], 1)


class PatmBlock(nn.Module):
    """Phase-aware token mixing with dilated convolutions, and an upsampling: N x a x h x w to N x c x 2h x 2w.

    Args:
        entering, middle, leaving: channels a, of the convolutions, and c.
        first_dilation, second_dilation: of the two dilated convolutions.
    """

    def __init__(self, entering: int, middle: int, leaving: int, first_dilation: int, second_dilation: int) -> None:
        super().__init__()
        self.conv1 = ConvBlock(entering, middle)
        self.conv1_Dila = ConvBlock(middle, middle, first_dilation)
        self.conv2 = ConvBlock(middle, middle)
        self.conv2_Dila = ConvBlock(middle, middle, second_dilation)
        self.conv3 = ConvBlock(middle, middle)
        self.conv_fuse = ConvBlock(2 * middle, leaving)
        self.drop = nn.Dropout(0.5)
        self.conv_last = DoublingBlock(leaving, leaving)

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(x)
        second = self.conv2(first)
        mixed = waves(self.conv1_Dila(first)) + waves(self.conv2_Dila(second)) + waves(self.conv3(second))
        return cast(Tensor, self.conv_last(self.drop(self.conv_fuse(mixed))))


class ChannelMlp(nn.Module):
    """Two linear layers with a GELU between them, N x C to N x C."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(self.act(self.fc1(x))))


class EdgeAware(nn.Module):
    """The edge branch: the finest map weighs the channels of the others. Four maps to logits N x 1 x S x S.

    Args:
        channels: of the four maps, at strides 4 to 32.
        side: S.
    """

    def __init__(self, channels: Sequence[int], side: int) -> None:
        super().__init__()
        finest, *others = channels
        self.side = side
        self.conv128_64, self.conv320_64, self.conv512_64 = (DoublingBlock(one, finest) for one in others)
        self.mlp1, self.mlp2, self.mlp3 = (ChannelMlp(finest) for _ in others)
        self.norm2 = nn.BatchNorm2d(finest)
        self.pos_embed3 = ConvBlock(finest, finest)
        self.drop_path = DropPath(EDGE_DROP_PATH)
        self.conv31 = nn.Conv2d(finest, 1, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        finest, *others = maps
        strongest = finest.amax((2, 3))
        doubled = (
            layer(one) for layer, one in zip((self.conv128_64, self.conv320_64, self.conv512_64), others, strict=True)
        )
        weighed = [
            mlp(strongest)[:, :, None, None] * interpolate(one, finest.shape[2:], mode="nearest")
            for mlp, one in zip((self.mlp1, self.mlp2, self.mlp3), doubled, strict=True)
        ]
        mixed = self.pos_embed3(self.norm2(weighed[0] + weighed[1] + weighed[2]))
        # The same layer again: its running statistics see two batches per step, as published.
        refined = mixed + self.pos_embed3(self.drop_path(mixed))
        return interpolate(self.conv31(refined), (self.side, self.side), mode="nearest")


class SaliencyNetwork(nn.Module):
    """Square images N x 3 x S x S to saliency at four depths and edges, all logits at the images' size.

    Args:
        encoder: gives four maps at strides 4 to 32 and says their ``channels``.
        side: S, a multiple of 32.

    Raises:
        ConfigError: it is none.
    """

    def __init__(self, encoder: SwinTaps | BackboneTaps, side: int) -> None:
        super().__init__()
        require(side > 0 and side % COARSEST == 0, f"the side is {side}; give a multiple of {COARSEST}: 224, 256, ...")
        self.encoder, self.side = encoder, side
        channels = encoder.channels
        self.rgb_edge_aware = EdgeAware(channels, side)
        for level, (own, (first, second)) in enumerate(zip(channels, PATM_DILATIONS, strict=True)):
            coarsest = level == len(channels) - 1
            middle = own if coarsest else channels[level + 1]
            entering = own if coarsest else own + middle
            self.add_module(f"PATM{level + 1}", PatmBlock(entering, middle, own, first, second))
            self.add_module(f"S{level + 1}", nn.ConvTranspose2d(own, 1, 2, stride=2))

    def forward(self, images: Tensor) -> SaliencyScores:
        """Logits of normalised images N x 3 x S x S."""
        taps = self.encoder(images)
        edge = self.rgb_edge_aware(taps)
        maps = [self.enlarged(level, one) for level, one in enumerate(self.decoded(taps))]
        return SaliencyScores(maps, edge)

    def saliency(self, images: Tensor) -> Tensor:
        """The first of the maps alone, N x 1 x S x S, without what only the training looks at."""
        return self.enlarged(0, self.decoded(self.encoder(images))[0])

    def decoded(self, taps: Sequence[Tensor]) -> list[Tensor]:
        """What the four blocks make of the encoder's maps, from the finest to the coarsest."""
        features: list[Tensor] = []
        for level in reversed(range(len(taps))):
            block = self.get_submodule(f"PATM{level + 1}")
            features.insert(0, block(torch.cat([features[0], taps[level]], 1) if features else taps[level]))
        return features

    def enlarged(self, level: int, features: Tensor) -> Tensor:
        """Logits of one level at the images' size."""
        return interpolate(self.get_submodule(f"S{level + 1}")(features), (self.side, self.side), mode="nearest")


def published_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a published saliency network by the names here, without those that no output depends on."""
    swin = {
        name.removeprefix(PUBLISHED_ENCODER): tensor
        for name, tensor in state.items()
        if name.startswith(PUBLISHED_ENCODER)
    }
    last_blocks = "layers.3.blocks."
    encoder = {ENCODER + name: tensor for name, tensor in swin_names(swin).items() if not name.startswith(last_blocks)}
    others = {name: tensor for name, tensor in state.items() if not name.startswith((PUBLISHED_ENCODER, *UNUSED))}
    return {**encoder, **others}


def saliency_rules(decoder_lr_multiplier: float) -> list[GroupRule]:
    """The encoder 1x, everything else so many times that (published: 1)."""
    inside = rf"^{ENCODER}(patch_embed|layers|backbone)\."
    return [GroupRule("encoder", inside), GroupRule("decoder", "", decoder_lr_multiplier)]


def load_saliency_network(network: nn.Module, path: Path) -> None:
    """Load a trained network: a published file (``Best_mae_test.pth``) or one of this toolbox.

    Raises:
        CheckpointError: the file is of another network.
    """
    named = converted_inside(read_state_dict(path, network), network.state_dict(), published_names)
    load_weights(network, named, source=str(path))
