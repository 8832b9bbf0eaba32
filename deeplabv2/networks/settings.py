"""Which network is trained, and what it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from common.bounds import bounded, bounded_scales, needed_text, require_bounds
from common.errors import require
from common.models.backbones import BackboneConfig
from deeplabv2.networks.deeplabv3plus import HeadNorm
from deeplabv2.resize import ResizeConvention

RATES = (6, 12, 18, 24)


def default_backbone() -> BackboneConfig:
    return BackboneConfig(name="resnet101", output_stride=8, freeze_batchnorm=True)


@dataclass
class NetworkConfig:
    """The network.

    Args:
        name: one of the networks of deeplabv2/networks/registry.py; also a part of output paths. Most take BGR images minus
            image.mean; DeepLabV2_MSC and DeepLabV3Plus are built on the backbone and take RGB images as ImageNet weights do.
            I2CRC_ResNet101_MSC is what I2CRC calls DeepLabV2_ResNet101_MSC. DSRG_VGG16 and DSRG (on the backbone) are SGAN's.
        n_labels: number of labels, background included.
        backbone: feature extractor of DeepLabV2_MSC, DeepLabV3Plus and DSRG and its initial weights; of I2CRC_ResNet101_MSC the
            weights alone, of DSRG_VGG16 the width.
        blocks: blocks of the four layers of a published ResNet.
        rates: dilations of the head's branches; empty for the network's own, which networks with one branch keep.
        hidden: of DeepLabV2_MSC: channels of hidden layers in the head, whose branches are then separable (a 1x1 one and one per rate);
            0 for the published head, which has none.
        weights: checkpoint to start from; its backbone has to fit, its head is used if it fits. Of a network on a backbone also
            weights of that alone, as backbone.weights. Of DSRG_VGG16 also "imagenet" for torchvision's VGG16 (downloaded once), a
            .caffemodel (vgg16_20M_mc.caffemodel as published), tensors with the published names (conv1_1.weight), or a VGG16 of
            torchvision or this toolbox (features.0.weight).
        force_weights: take what fits of weights whose backbone does not fit as a whole.
        pyramid: scales of the multi-scale pyramid besides 1; empty for a single scale.
        pyramid_resize: how the pyramid reduces images: current, or recomputed as PyTorch did before 1.6.
        freeze_head: the head keeps its initial weights, as in the published code of L2G's DeepLabV1_ResNet101_MSC.
        head_norm: normalisation of DeepLabV3Plus's new layers: group (4 groups), batch, or fixed (none in effect, as published
            where both BatchNorm and its fixing are asked for).
        fold_batchnorm: compute frozen BatchNorm layers inside the convolutions before them while training: the same function
            in less time and memory.
    """

    name: str = needed_text("DeepLabV2_ResNet101_MSC")
    n_labels: int = bounded(21, least=1, most=255)
    backbone: BackboneConfig = field(default_factory=default_backbone)
    blocks: list[int] = bounded([3, 4, 23, 3], least=1, most=1000, items=(4, 4))
    rates: list[int] = bounded([], least=1, most=1000)
    hidden: int = bounded(0, least=0, most=10000)
    weights: str = ""
    force_weights: bool = False
    pyramid: list[float] = bounded_scales([0.5, 0.75])
    pyramid_resize: ResizeConvention = "current"
    freeze_head: bool = False
    head_norm: HeadNorm = "group"
    fold_batchnorm: bool = False

    def __post_init__(self) -> None:
        require_bounds(self, "network")
        if self.hidden:
            require(
                self.name == "DeepLabV2_MSC", f"network.hidden is of DeepLabV2_MSC; {self.name} has a head of its own"
            )

    @property
    def all_rates(self) -> Sequence[int]:
        return self.rates or RATES
