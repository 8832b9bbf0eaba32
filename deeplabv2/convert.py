"""``convert.py -d coco | voc12``: published caffemodels to PyTorch checkpoints, without Caffe (deeplabv2 spec, section 2.5).

``coco`` gives the initial weights, ``voc12`` a network that is already trained on VOC.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from common.errors import CheckpointError, run_command
from common.files import write_torch
from common.models.caffemodel import CaffeLayer, read_caffemodel
from common.models.weights import load_weights
from deeplabv2.networks.deeplab import MSC
from deeplabv2.networks.registry import bare_network
from deeplabv2.networks.settings import NetworkConfig


class Conversion(NamedTuple):
    """A published caffemodel: where it lies, which network it holds, what its checkpoint is called."""

    folder: str
    caffemodel: str
    checkpoint: str
    network: NetworkConfig


CONVERSIONS = {
    "coco": Conversion(
        "data/models/coco/deeplabv1_resnet101/caffemodel",
        *("init.caffemodel", "deeplabv1_resnet101-coco.pth"),
        NetworkConfig("DeepLabV1_ResNet101", 91),
    ),
    "voc12": Conversion(
        "data/models/voc12/deeplabv2_resnet101_msc/caffemodel",
        *("train2_iter_20000.caffemodel", "deeplabv2_resnet101_msc-vocaug.pth"),
        NetworkConfig("DeepLabV2_ResNet101_MSC", 21),
    ),
}
# The branches of the smaller scales share their weights with the first one.
SHARED_BRANCHES = ("res075", "res05")
BLOCK = re.compile(r"(?P<kind>res|bn)(?P<layer>\d)(?P<block>a|b\d*|c)_branch(?P<unit>1|2a|2b|2c)")
UNITS = {"1": "shortcut", "2a": "reduce", "2b": "conv3x3", "2c": "increase"}
HEAD_LAYER = re.compile(r"fc\d*_[^_]+(?:_(?P<branch>c\d+))?")
STEM = {"conv1": "layer1.conv1.conv", "bn_conv1": "layer1.conv1.bn", "pool1": "layer1.pool"}
# Layers of these types have a module of their own; a Scale belongs to the BatchNorm before it.
LAYER_TYPES = ("Convolution", "InnerProduct", "BatchNorm", "Pooling")
SETTING_TOLERANCE = 1e-7


def module_name(caffe_name: str) -> str | None:
    """Our name of a Caffe layer inside the network for one scale, None for layers that have none.

    ``res4b22_branch2a`` -> ``layer4.block23.reduce.conv``, ``fc1_voc12_c0`` -> ``aspp.c0``, ``fc1_coco`` -> ``fc``.
    """
    if match := BLOCK.fullmatch(caffe_name):
        block = match["block"]
        # res2b, but res4b1, res4b2, ... where a layer has more blocks than letters.
        number = int(block[1:]) + 1 if block[1:] else "abc".index(block) + 1
        kind = "conv" if match["kind"] == "res" else "bn"
        return f"layer{match['layer']}.block{number}.{UNITS[match['unit']]}.{kind}"
    if match := HEAD_LAYER.fullmatch(caffe_name):
        return f"aspp.{match['branch']}" if match["branch"] else "fc"
    return STEM.get(caffe_name)


def convert_layers(layers: Sequence[CaffeLayer], network: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """The state dictionary of ``network``, from the layers of a caffemodel.

    Args:
        network: its modules' settings are held against the layers'.
        prefix: in front of :func:`module_name` in the network's names.
    """
    state: dict[str, Tensor] = {}
    before: CaffeLayer | None = None
    for layer in layers:
        if any(branch in layer.name for branch in SHARED_BRANCHES):
            continue
        if layer.type == "Scale":
            if before is None or before.type != "BatchNorm":
                raise CheckpointError(
                    f"layer {layer.name}: a Scale that follows no BatchNorm has no place in the network"
                )
            store(state, network, f"{prefix}{module_name(before.name)}", layer.name, weight_and_bias(layer))
        elif layer.type in LAYER_TYPES and module_name(layer.name) is not None:
            name = f"{prefix}{module_name(layer.name)}"
            require_settings(layer, network, name)
            store(state, network, name, layer.name, layer_values(layer))
        elif layer.blobs:
            raise CheckpointError(f"layer {layer.name} ({layer.type}) has weights and no place in the network")
        before = layer
    return state


def weight_and_bias(layer: CaffeLayer) -> dict[str, np.ndarray]:
    """Tensor name -> numbers, flat float32, of a layer with weights, perhaps without bias; of a pool none."""
    return dict(zip(("weight", "bias"), layer.blobs, strict=False))


def layer_values(layer: CaffeLayer) -> dict[str, np.ndarray]:
    """Tensor name -> flat float32 (count: int64). BatchNorm keeps running sums; their divisor is the third blob."""
    if layer.type != "BatchNorm":
        return weight_and_bias(layer)
    if [blob.size for blob in layer.blobs[2:]] != [1] or not layer.blobs[2][0] > 0:
        raise CheckpointError(
            f"layer {layer.name} has no running statistics; it was never trained or is of another Caffe"
        )
    mean, variance, divisor = layer.blobs
    return {
        "running_mean": mean / divisor[0],
        "running_var": variance / divisor[0],
        "num_batches_tracked": np.zeros((), np.int64),
    }


def store(state: dict[str, Tensor], network: nn.Module, module: str, layer: str, values: dict[str, np.ndarray]) -> None:
    """Put the numbers, as :func:`layer_values` gives them, into ``state`` in the shape of the network's tensors."""
    try:
        own = network.get_submodule(module).state_dict()
    except AttributeError as error:
        raise CheckpointError(f"layer {layer} would be {module}, which the network does not have") from error
    for name, numbers in values.items():
        if name not in own or own[name].numel() != numbers.size:
            wanted = f"{list(own[name].shape)}" if name in own else "none"
            raise CheckpointError(
                f"layer {layer}: {numbers.size} numbers for {module}.{name}, the network has {wanted}"
            )
        state[f"{module}.{name}"] = torch.from_numpy(np.array(numbers)).reshape(own[name].shape)


def require_settings(layer: CaffeLayer, network: nn.Module, name: str) -> None:
    """Raise :class:`CheckpointError` where the layer and the network's module ``name`` differ in a setting."""
    try:
        module = network.get_submodule(name)
    except AttributeError as error:
        raise CheckpointError(f"layer {layer.name} would be {name}, which the network does not have") from error
    for setting, theirs in layer.settings.items():
        ours = getattr(module, setting, None)
        if ours is None:
            raise CheckpointError(f"layer {layer.name} ({layer.type}) would be {name}, which is none in the network")
        if not np.allclose(theirs, ours, rtol=0, atol=SETTING_TOLERANCE):
            raise CheckpointError(f"layer {layer.name}: {setting} is {theirs}, but {ours} in {name} of the network")


def convert_file(conversion: Conversion, source: Path, target: Path) -> None:
    """Write the checkpoint of a caffemodel; what is written has been loaded into the network."""
    if not source.is_file():
        raise CheckpointError(f"there is no caffemodel {source}; check the path, or give it with --input")
    network = bare_network(conversion.network)
    state = convert_layers(read_caffemodel(source), network, "base." if isinstance(network, MSC) else "")
    report = load_weights(network, state, source=str(source))
    write_torch(target, state)
    print(f"{report.summary()}; wrote {target}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="convert.py", description=__doc__)
    parser.add_argument("-d", "--dataset", choices=sorted(CONVERSIONS), required=True, help="which published model")
    parser.add_argument("--input", type=Path, help="the caffemodel; default: its published place")
    parser.add_argument("--output", type=Path, help="the checkpoint; default: its published place")
    arguments = parser.parse_args(argv)
    conversion = CONVERSIONS[arguments.dataset]
    folder = Path(conversion.folder)
    source = arguments.input or folder / conversion.caffemodel
    convert_file(conversion, source, arguments.output or folder / conversion.checkpoint)
    return 0


if __name__ == "__main__":
    run_command(main)
