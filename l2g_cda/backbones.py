"""The backbones of L2G: ResNet-38 as in the paper, or any other of the toolbox, with attention and suppression at the end."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from common.bounds import bounded, require_bounds
from common.errors import require
from common.models.backbones import BackboneConfig, BackboneName, build_backbone
from common.models.base import Backbone
from common.models.frozen import freeze_batchnorm_parameters
from common.models.resnet import ResNet
from common.models.resnet38 import BottleneckBlock, ResNet38, Taps, read_resnet38_weights
from common.models.weights import load_weights
from l2g_cda.attention import AttentionName, SuppressionName, build_attention, build_suppression

# Modules the ImageNet weights do not have; they start at random.
ADDED = ("b6.se_layer.", "b7.se_layer.", "DRS_learnable_layer6.", "DRS_learnable_layer7.")


@dataclass
class L2GBackbone(BackboneConfig):
    """Feature extractor of the global and of the local network.

    Args:
        name: resnet38 (the paper), or another backbone of the toolbox for smaller machines.
        weights: initial weights; resnet38 takes the published MXNet file (.params) or its torch form.
        frozen_stages: first stages that do not learn; resnet38: 1 is conv1a and b2 (published), the next are b3, b4, b5.
        freeze_batchnorm: BatchNorm keeps its statistics, factors and summands (published); false is for training from
            scratch.
        attention: module inside the last two blocks: se is the paper's.
        suppression: after the last two blocks: learnable is the paper's.
        suppression_share: share of the maximum that the fixed suppression keeps.
    """

    name: BackboneName = "resnet38"
    output_stride: int = 8
    frozen_stages: int = 1
    freeze_batchnorm: bool = True
    attention: AttentionName = "se"
    suppression: SuppressionName = "learnable"
    suppression_share: float = bounded(0.55, above=0, most=1)

    def __post_init__(self) -> None:
        is_published = self.name == "resnet38"
        stride = self.output_stride
        require_bounds(self, "backbone")
        require(not is_published or stride == 8, f"backbone.output_stride is {stride}; resnet38 has 8")
        require(not is_published or self.weights != "imagenet", "give the file of resnet38's ImageNet weights instead")


class AttentiveBottleneck(BottleneckBlock):
    """A bottleneck block whose main path, N x C x h x w of any sign, ends with attention, always ``se_layer``."""

    def __init__(self, attention: AttentionName, inside: int, outside: int, dilation: int, dropout: float) -> None:
        super().__init__(inside, outside, dilation, dropout)
        self.se_layer = build_attention(attention, outside)

    def main_path(self, activation: Tensor) -> Tensor:
        features = super().main_path(activation)
        return features if self.se_layer is None else cast(Tensor, self.se_layer(features))


class L2GResNet38(ResNet38):
    """ResNet-38 with attention in b6 and b7 and suppression on their outputs N x C x h x w, any sign (spec 2.3-2.4)."""

    def __init__(self, width: float, attention: AttentionName, suppression: SuppressionName, share: float) -> None:
        # The blocks are built by the constructor of the base class.
        self.attention: AttentionName = attention
        super().__init__(width)
        self.DRS_learnable_layer6 = build_suppression(suppression, self.b6.out_channels, share)
        self.DRS_learnable_layer7 = build_suppression(suppression, self.b7.out_channels, share)

    def bottleneck(self, in_channels: int, out_channels: int, dilation: int, dropout: float) -> BottleneckBlock:
        return AttentiveBottleneck(self.attention, in_channels, out_channels, dilation, dropout)

    def after_block(self, name: str, features: Tensor) -> Tensor:
        suppression = {"b6": self.DRS_learnable_layer6, "b7": self.DRS_learnable_layer7}[name]
        return features if suppression is None else cast(Tensor, suppression(features))

    def added_modules(self) -> list[nn.Module]:
        return [layer for layer in (self.DRS_learnable_layer6, self.DRS_learnable_layer7) if layer is not None]


class StagedBackbone(Backbone):
    """N x 3 x H x W to N x C x h x w, any sign; the last three stages are tapped, two gain attention, suppression."""

    def __init__(
        self, backbone: Backbone, attention: AttentionName, suppression: SuppressionName, share: float
    ) -> None:
        super().__init__()
        self.backbone = backbone
        # The channels of a stage are those of its last convolution, in order of execution.
        layers = [[one for one in stage.modules() if isinstance(one, nn.Conv2d)] for stage in backbone.stages[-3:]]
        self.tap_channels = tuple(convolutions[-1].out_channels for convolutions in layers)
        self.out_channels, self.output_stride = backbone.out_channels, backbone.output_stride
        last_two = self.tap_channels[1:]
        attentions = [build_attention(attention, channels) or nn.Identity() for channels in last_two]
        suppressions = [build_suppression(suppression, channels, share) or nn.Identity() for channels in last_two]
        self.se_layers, self.suppressions = nn.ModuleList(attentions), nn.ModuleList(suppressions)

    @property
    def stages(self) -> list[nn.Module]:
        *first, last = self.backbone.stages
        return [*first, nn.ModuleList([last, self.se_layers, self.suppressions])]

    def taps(self, images: Tensor) -> Taps:
        """Images N x 3 x H x W, normalised RGB, to the last three stages' features, any sign, each at its stride."""
        first, *others = self.backbone.stages
        if isinstance(self.backbone, ResNet):
            features = self.backbone.maxpool(self.backbone.relu(self.backbone.bn1(self.backbone.conv1(images))))
        else:
            features = first(images)
        for stage in others[:-2]:
            features = stage(features)
        tapped = [features]
        for stage, attention, suppression in zip(others[-2:], self.se_layers, self.suppressions, strict=True):
            features = suppression(attention(stage(features)))
            tapped.append(features)
        return Taps(*tapped)

    def forward(self, images: Tensor) -> Tensor:
        return self.taps(images).conv6


def build_l2g_backbone(config: L2GBackbone) -> L2GResNet38 | StagedBackbone:
    """Build the backbone, load its weights, freeze what is to be frozen."""
    added = (config.attention, config.suppression, config.suppression_share)
    built: L2GResNet38 | StagedBackbone
    if config.name == "resnet38":
        built = L2GResNet38(config.width, *added)
        if config.weights:
            load_weights(built, read_resnet38_weights(config.weights, built), source=config.weights, optional=ADDED)
    else:
        unfrozen = dataclasses.replace(config, frozen_stages=0, freeze_batchnorm=False)
        built = StagedBackbone(build_backbone(unfrozen), *added)
    built.freeze(config.frozen_stages, config.freeze_batchnorm)
    if config.freeze_batchnorm:
        # Those of attention modules too.
        freeze_batchnorm_parameters(built)
    return built
