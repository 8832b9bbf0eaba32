"""The VGG-16 body of L2G's DeepLab networks: output stride 8, the last three convolutions dilated.

deeplabv2 spec, section 2.3. Pools are 3x3; indices in the tensor names count the pools too.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

OUT_CHANNELS = 512


def conv_relu(in_channels: int, out_channels: int, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
    return nn.Sequential(convolution, nn.ReLU(inplace=True))


def pool(stride: int) -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride, padding=1)


def deeplab_vgg16() -> OrderedDict[str, nn.Module]:
    """The layers of the body by name, 512 channels."""
    layer1 = [
        *(conv_relu(3, 64), conv_relu(64, 64), pool(2)),
        *(conv_relu(64, 128), conv_relu(128, 128), pool(2)),
        *(conv_relu(128, 256), conv_relu(256, 256), conv_relu(256, 256), pool(2)),
        *(conv_relu(256, 512), conv_relu(512, 512), conv_relu(512, 512), pool(1)),
    ]
    layer2 = [*(conv_relu(512, 512, dilation=2) for _ in range(3)), pool(1)]
    return OrderedDict(layer1=nn.Sequential(*layer1), layer2=nn.Sequential(*layer2))
