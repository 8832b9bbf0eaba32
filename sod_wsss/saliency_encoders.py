"""What the saliency network's decoder sees of an image: feature maps at strides 4, 8, 16 and 32 (sod_wsss spec, sections 2.1, 2.2, 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

import timm
from torch import Tensor, nn

from common.bounds import bounded
from common.errors import require
from common.models.backbones import BackboneConfig, build_backbone, describe_weights
from common.models.base import Backbone
from common.models.tensor_names import converted_inside
from common.models.timm_weights import timm_weights
from common.models.weights import load_weights, read_state_dict

TapKind = Literal["inputs", "outputs"]
# Name -> timm's architecture, and the tag of its published weights (of swin-base those the paper starts from).
SWINS: dict[str, tuple[str, str]] = {
    "swin-tiny": ("swin_tiny_patch4_window7_224", "ms_in22k"),
    "swin-small": ("swin_small_patch4_window7_224", "ms_in22k"),
    "swin-base": ("swin_base_patch4_window7_224", "ms_in22k"),
    "swin-large": ("swin_large_patch4_window7_224", "ms_in22k"),
}
SWIN_SIDE = 224
LAST_STAGE = 3
# Never used by the published network, or computed when a Swin is built.
DEAD = (".relative_position_index", ".attn_mask")
# Channels to which the features of other backbones are reduced.
LIGHT_CHANNELS = (32, 48, 64, 96)


class SwinTaps(nn.Module):
    """A Swin Transformer without its head: square images N x 3 x S x S -> four maps at strides 4, 8, 16, 32.

    ``inputs``, the published taps, are what enters each stage, so that the last stage's blocks are left out and the first
    map has seen no attention; ``outputs`` are what leaves each stage, as the paper draws it.

    Args:
        name: key of ``SWINS``.
        side: S, a multiple of 224.
        drop_path: probability of stochastic depth in the last block, rising linearly from 0.
        taps: which maps.
    """

    def __init__(self, name: str, side: int = SWIN_SIDE, drop_path: float = 0.5, taps: TapKind = "inputs") -> None:
        super().__init__()
        require(name in SWINS, f"there is no Swin {name!r}; use one of {', '.join(SWINS)}")
        require(side > 0 and side % SWIN_SIDE == 0, f"the side is {side}; a Swin with windows of 7 needs 224, 448, ...")
        swin: Any = timm.create_model(
            SWINS[name][0], pretrained=False, num_classes=0, img_size=side, drop_path_rate=drop_path
        )
        self.taps = taps
        self.patch_embed, self.layers = swin.patch_embed, swin.layers
        if taps == "inputs":
            self.layers[LAST_STAGE].blocks = nn.Identity()
        width = swin.embed_dim
        self.channels = tuple(width * 2**stage for stage in range(LAST_STAGE + 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised images to maps N x C x S/4 x S/4, N x 2C x S/8 x S/8, ..."""
        tokens = self.patch_embed(images)
        maps = []
        for layer in self.layers:
            entered = layer.downsample(tokens)
            tokens = layer.blocks(entered)
            maps.append((entered if self.taps == "inputs" else tokens).permute(0, 3, 1, 2).contiguous())
        return maps


def swin_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a published Swin by the names here: its merging layers belong to the stage that they lead to."""
    named = {}
    for name, tensor in state.items():
        if name.endswith(DEAD) or name.startswith(("norm.", "head.")):
            continue
        words = name.split(".")
        if words[0] == "layers" and words[2] == "downsample" and not moved_already(state):
            words[1] = str(int(words[1]) + 1)
        named[".".join(words)] = tensor
    return named


def moved_already(state: Mapping[str, Tensor]) -> bool:
    """Whether the merging layers are where timm has them: the first stage then has none."""
    return not any(name.startswith("layers.0.downsample.") for name in state)


def load_swin(encoder: SwinTaps, name: str, weights: str) -> None:
    """Load ImageNet weights: ``imagenet`` for timm's of that Swin (downloaded once), else a file.

    Raises:
        CheckpointError: they cannot be had, or do not fit.
    """
    if weights == "imagenet":
        published = ".".join(SWINS[name])
        state, source = timm_weights(published), f"timm {published}"
    else:
        state, source = read_state_dict(Path(weights), encoder), weights
    named = converted_inside(state, encoder.state_dict(), lambda tensors: fitting(encoder, swin_names(tensors)))
    report = load_weights(encoder, named, source=source)
    print(f"Init: {report.summary()}")


def fitting(encoder: SwinTaps, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without the blocks of the last stage where the taps do not need them."""
    if encoder.taps == "outputs":
        return dict(state)
    return {name: tensor for name, tensor in state.items() if not name.startswith(f"layers.{LAST_STAGE}.blocks.")}


class BackboneTaps(nn.Module):
    """Any backbone of :mod:`common.models` whose stages end at strides 4 to 32, its maps reduced by 1x1 convolutions.

    Args:
        backbone: of output stride 32.
        channels: of the four reduced maps.
    """

    def __init__(self, backbone: Backbone, channels: Sequence[int] = LIGHT_CHANNELS) -> None:
        super().__init__()
        require(
            backbone.output_stride == 32,
            f"output_stride is {backbone.output_stride}; the saliency network takes backbones of 32",
        )
        entering = backbone.stage_channels[1:]
        require(
            len(entering) == len(channels),
            f"{type(backbone).__name__} has {len(entering) + 1} stages; the saliency network takes backbones of "
            f"{len(channels) + 1}: mobilenet_v2, a ResNet or a ResNeSt",
        )
        self.backbone = backbone
        self.channels = tuple(channels)
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True))
            for before, after in zip(entering, self.channels, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Normalised images to four maps at strides 4, 8, 16, 32."""
        maps = self.backbone.stage_outputs(images)[1:]
        return [cast(Tensor, reduce(one)) for reduce, one in zip(self.reduce, maps, strict=True)]


@dataclass
class EncoderConfig(BackboneConfig):
    """The encoder of the saliency network; what is of a backbone alone is not read for a Swin.

    Args:
        name: swin-tiny, swin-small, swin-base (published) or swin-large of timm, or a backbone as mobilenet_v2 or resnet50.
        output_stride: always 32.
        weights: empty, imagenet (downloaded once; of a Swin ImageNet-22k's), or a file.
        drop_path: probability of stochastic depth in a Swin's last block.
        taps: what the decoder sees of a Swin: what enters its stages (published) or what leaves them (as the paper draws it).
    """

    name: str = "swin-base"  # type: ignore[assignment]
    output_stride: int = 32
    drop_path: float = bounded(0.5, least=0, below=1)
    taps: TapKind = "inputs"


def build_encoder(config: EncoderConfig, side: int) -> SwinTaps | BackboneTaps:
    """The encoder with its initial weights, for images of a side.

    Raises:
        ConfigError: an unknown name, or settings that do not go together.
        CheckpointError: the weights cannot be had, or do not fit.
    """
    if config.name not in SWINS:
        return BackboneTaps(build_backbone(replace(config, last_convolution=config.name != "mobilenet_v2")))
    encoder = SwinTaps(config.name, side, config.drop_path, config.taps)
    if config.weights:
        load_swin(encoder, config.name, config.weights)
    require(
        not config.frozen_stages,
        f"frozen_stages is {config.frozen_stages}; {config.name} learns as a whole: leave it out",
    )
    return encoder


def describe_encoder(config: EncoderConfig) -> str:
    """Where the initial weights come from, in words; raises as :func:`common.models.backbones.describe_weights`."""
    if config.name in SWINS and config.weights == "imagenet":
        return "timm " + ".".join(SWINS[config.name])
    return describe_weights(config)
