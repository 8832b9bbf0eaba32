"""Initial weights: of the published networks from checkpoints of their names; of DSRG's VGG16 from several sources, Caffe's too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from common.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from common.errors import CheckpointError
from common.models.backbones import BackboneConfig, backbone_weights
from common.models.caffemodel import read_caffemodel
from common.models.vgg import STAGE_CHANNELS
from common.models.weights import LoadReport, load_weights, read_state_dict
from deeplabv2.networks.deeplabv3plus import without_stage_names
from deeplabv2.networks.dsrg import CAFFE_MEAN

# A head has as many labels as its data; hidden layers of the branches are in the published file alone.
FC8 = "fc8_"
SEC_FC8 = "fc8-SEC_"
BRANCHES = ("fc6_", "fc7_", FC8)
TORCHVISION_NAME = re.compile(r"(?:.*\.)?features\.(\d+)\.(weight|bias)")


def load_start(network: nn.Module, head: str, path: str, force: bool = False) -> LoadReport:
    """Start a network for one scale from a checkpoint: of its backbone alone, of a container of the COCO weights, or of a whole
    network.

    Args:
        head: beginning of the names of its head, which may be missing from the file or have another number of labels.
        force: take what fits even if not all of the backbone does.
    """
    try:
        return load_weights(network, read_state_dict(path, network), source=path, optional=(head,), force=force)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error} (Weights of torchvision or timm start network.name DeepLabV2_MSC, as network.backbone.weights.)"
        ) from error


def load_v3plus(network: nn.Module, head: str, path: str, force: bool = False) -> LoadReport:
    """Start DeepLabv3+ from a checkpoint of it, published ones too; its new layers may have other shapes in the file."""
    state = without_stage_names(read_state_dict(path, network), path)
    return load_weights(network, state, source=path, optional=("aspp.", head), force=force)


def load_vgg16(network: nn.Module, head: str, weights: str, force: bool = False) -> LoadReport:
    """Start DSRG's VGG16 from what ``network.weights`` names (sgan spec, section 2.2); see the settings."""
    if weights.endswith(".caffemodel"):
        state, source = caffe_tensors(network, Path(weights)), weights
    elif Path(weights).is_file():
        state, source = read_state_dict(weights, network), weights
    else:
        state, source = backbone_weights(BackboneConfig(name="vgg16", weights=weights))
    if any(TORCHVISION_NAME.fullmatch(name) for name in state):
        state = from_torchvision(state)
    # The head of a network for other labels is none for these.
    own = {name: tensor.shape for name, tensor in network.state_dict().items()}
    state = {name: one for name, one in state.items() if not name.startswith(FC8) or own.get(name) == one.shape}
    return load_weights(network, state, source=source, optional=BRANCHES, force=force)


def caffe_tensors(network: nn.Module, path: Path) -> dict[str, Tensor]:
    """The layers of a caffemodel that the network for one scale has by name. ``fc8-SEC_1`` is a head of this training and ``fc8_1``
    here; a head of another one (``fc8-pascal_1``) is left out, as published.
    """
    own, state = network.state_dict(), {}
    for layer in read_caffemodel(path):
        for kind, blob in zip(("weight", "bias"), layer.blobs, strict=False):
            name = f"{layer.name.replace(SEC_FC8, FC8)}.{kind}"
            if name in own:
                values = torch.from_numpy(blob.copy())
                # Another number of values stays flat, which the loader reports as a wrong shape.
                state[name] = values.view(own[name].shape) if values.numel() == own[name].numel() else values
    return state


def torchvision_names() -> dict[int, str]:
    """Index in torchvision's ``features`` -> published name (0 -> conv1_1)."""
    names, index = {}, 0
    for stage, stage_channels in enumerate(STAGE_CHANNELS, start=1):
        for number in range(1, len(stage_channels) + 1):
            names[index] = f"conv{stage}_{number}"
            index += 2
        index += 1
    return names


def from_torchvision(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The convolutions of torchvision's VGG16, or of a network built on it, for BGR images minus the Caffe mean."""
    names, converted = torchvision_names(), {}
    for name, tensor in state.items():
        match = TORCHVISION_NAME.fullmatch(name)
        if match and int(match[1]) in names:
            converted[f"{names[int(match[1])]}.{match[2]}"] = tensor
    weight, bias = converted["conv1_1.weight"], converted["conv1_1.bias"]
    converted["conv1_1.weight"], converted["conv1_1.bias"] = for_caffe_input(weight, bias)
    return converted


def for_caffe_input(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A first convolution (float32 K x 3 x k x k and K) for RGB images normalised as ImageNet weights expect, made the
    same function of BGR grey levels minus the Caffe mean (but for the border, where both see zeros of their own kind).
    """
    std = 255 * torch.tensor(IMAGENET_STD)[:, None, None]
    shift = torch.tensor(CAFFE_MEAN[::-1]) - 255 * torch.tensor(IMAGENET_MEAN)
    scaled = weight / std
    return scaled.flip(1), bias + (scaled.sum((2, 3)) * shift).sum(1)
