"""Say which published network a state dict looks like, so that an error can name the mix-up."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Pattern of one tensor name (searched anywhere in it, whatever prefix it has) and the network that has such a tensor.
# The first pattern that fits any name wins, so the more special ones come first.
SIGNATURES = (
    (
        r"layer\d\.block\d+\.(reduce|conv3x3|increase)\.",
        "the Caffe-style ResNet of DeepLab-v2 (layer2.block1.reduce.conv)",
    ),
    (r"\blayer3\.6\.conv3\.", "torchvision's ResNet-101 or deeper"),
    (r"\blayer1\.0\.conv3\.", "torchvision's ResNet-50"),
    (r"\blayer3\.5\.conv2\.", "torchvision's ResNet-34"),
    (r"\blayer1\.0\.conv2\.", "torchvision's ResNet-18"),
    (r"\bfeatures\.17\.conv\.", "torchvision's MobileNetV2"),
    (r"\bfeatures\.40\.(weight|running_mean)", "torchvision's VGG-16 with batch normalisation"),
    (r"\bfeatures\.28\.weight", "torchvision's VGG-16"),
    (r"\bconv1_1\.weight", "a VGG with Caffe's names (conv1_1)"),
    (r"\bb2\.conv_branch2a\.|\bconv1a\.weight", "the wide ResNet-38"),
    (r"\bpatch_embed\.", "a vision transformer (ViT or Swin)"),
)


def recognise_network(names: Iterable[str]) -> str | None:
    """Name of the network that the tensor ``names`` belong to, or None."""
    names = list(names)
    for pattern, network in SIGNATURES:
        if any(re.search(pattern, name) for name in names):
            return network
    return None
