"""ResNeSt-50/101/200/269 as backbones, with timm's tensor names and a free output stride.

Zhang et al., "ResNeSt: split-attention networks". timm builds the blocks; its tensors are those of the authors' weights.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from common.errors import ConfigError
from common.models.base import Backbone
from common.models.timm_weights import timm_weights

# timm's name of each network, and of its ImageNet weights.
TIMM_NAMES = {50: "resnest50d", 101: "resnest101e", 200: "resnest200e", 269: "resnest269e"}
WEIGHTS_TAG = "in1k"
RESNEST_STRIDES = (8, 16, 32)
LAYER_CHANNELS = (256, 512, 1024, 2048)


class ResNeSt(Backbone):
    """ResNeSt backbone without pooling and classifier; stages: stem, layer1 to layer4.

    Args:
        depth: 50, 101, 200 or 269.
        output_stride: 8, 16 or 32; strides beyond it become dilation, as in the authors' segmentation networks.

    Raises:
        ConfigError: an unknown depth or output stride.
    """

    conv1: nn.Sequential
    bn1: nn.BatchNorm2d
    act1: nn.Module
    maxpool: nn.Module
    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, depth: int, output_stride: int = 32) -> None:
        super().__init__()
        if output_stride not in RESNEST_STRIDES:
            strides = ", ".join(map(str, RESNEST_STRIDES))
            raise ConfigError(f"output_stride is {output_stride}; ResNeSt has {strides}.")
        # Imported where a ResNeSt is built: no other backbone needs it.
        from timm import create_model

        network = create_model(timm_name(depth), pretrained=False, num_classes=0, output_stride=output_stride)
        self.output_stride = output_stride
        for name in ("conv1", "bn1", "act1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(name, network.get_submodule(name))
        dilated = {8: [self.layer3, self.layer4], 16: [self.layer4], 32: []}[output_stride]
        for layer in dilated:
            pool_as_published(layer[0])
        self.stage_channels = (self.bn1.num_features, *LAYER_CHANNELS)
        self.out_channels = LAYER_CHANNELS[-1]

    @property
    def stages(self) -> list[nn.Module]:
        return [nn.ModuleList([self.conv1, self.bn1]), self.layer1, self.layer2, self.layer3, self.layer4]

    def stage_outputs(self, images: Tensor) -> list[Tensor]:
        """Normalised images N x 3 x H x W to the features after each stage, at strides 4, 4, 8, 16 and 32 (none beyond
        the output stride), not negative.
        """
        features = [self.maxpool(self.act1(self.bn1(self.conv1(images))))]
        for layer in self.stages[1:]:
            features.append(layer(features[-1]))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images N x 3 x H x W to features N x out_channels x h x w, not negative."""
        return self.stage_outputs(images)[-1]


def pool_as_published(block: nn.Module) -> None:
    """Give the first block of a dilated layer the authors' poolings (sod_wsss spec, section 2.5), in place.

    Without a stride timm drops the 3x3 average pool behind the split attention and smooths the shortcut with a 2x2 one;
    the published networks keep the former at stride 1 and have nothing in the shortcut.
    """
    block.avd_last = nn.AvgPool2d(3, 1, padding=1)
    cast(nn.Sequential, block.downsample)[0] = nn.Identity()


def timm_name(depth: int) -> str:
    """timm's name of the network; raises :class:`ConfigError` for another depth."""
    if depth not in TIMM_NAMES:
        raise ConfigError(f"ResNeSt-{depth} is not known; depths are {', '.join(map(str, TIMM_NAMES))}.")
    return TIMM_NAMES[depth]


def resnest_weights_name(depth: int) -> str:
    """timm's full name of the ImageNet weights, ``resnest101e.in1k``."""
    return f"{timm_name(depth)}.{WEIGHTS_TAG}"


def imagenet_resnest(depth: int) -> dict[str, Tensor]:
    """timm's ImageNet weights, name -> tensor, with the classifier; raises as :func:`timm_weights`."""
    return timm_weights(resnest_weights_name(depth), f" (the authors' file is resnest{depth}-*.pth)")
