"""Caffemodels become checkpoints without Caffe."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import CheckpointError
from common.models.caffemodel import read_caffemodel
from deeplabv2.convert import CONVERSIONS, convert_layers, main, module_name
from deeplabv2.networks.registry import bare_network
from deeplabv2.networks.settings import NetworkConfig
from tests.common.models.caffe_files import field, layer, varint

NAMES = json.loads(
    (Path(__file__).parents[1] / "parity" / "golden" / "deeplabv2" / "caffe_names.json").read_text(encoding="utf-8")
)["map"]


def convolution(name, module, weight, bias=None, **changed):
    pair = {"kernel_size": 4, "stride": 6, "padding": 3, "dilation": 18}
    values = {key: getattr(module, key)[0] for key in pair} | changed
    settings = b"".join(field(pair[key], value) for key, value in values.items())
    return layer(name, "Convolution", [weight] if bias is None else [weight, bias], field(106, settings))


class Numbers:
    """Random tensors, remembered by the name they should get."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.state = {}

    def __call__(self, name, tensor):
        self.state[name] = torch.from_numpy(self.rng.uniform(0.5, 1.5, tuple(tensor.shape)).astype(np.float32))
        return self.state[name].numpy()


def written(network, names, numbers, prefix="", **changed):
    """The caffemodel of ``network``: ``names`` maps Caffe's names to those of its modules."""
    modules = dict(network.named_modules())
    content = field(1, "net")
    for caffe_name, name in names.items():
        module = modules.get(name)
        if isinstance(module, torch.nn.MaxPool2d):
            settings = field(2, 3) + field(3, 2) + field(4, 1)
            content += layer(caffe_name, "Pooling", settings=field(121, settings))
        elif isinstance(module, torch.nn.BatchNorm2d):
            mean, variance = numbers(f"{name}.running_mean", module.bias), numbers(f"{name}.running_var", module.bias)
            settings = field(139, field(2, 0.999) + field(3, 1e-5))
            content += layer(caffe_name, "BatchNorm", [mean * 4, variance * 4, [4.0]], settings)
            scale, shift = numbers(f"{name}.weight", module.weight), numbers(f"{name}.bias", module.bias)
            content += layer(caffe_name.replace("bn", "scale"), "Scale", [scale, shift], packed=False)
            numbers.state[f"{name}.num_batches_tracked"] = torch.zeros((), dtype=torch.int64)
            content += layer(f"{caffe_name}_res05", "BatchNorm", [mean, variance, [1.0]], settings)
        elif module is not None:
            bias = None if module.bias is None else numbers(f"{name}.bias", module.bias)
            changes = changed.get(caffe_name, {})
            content += convolution(caffe_name, module, numbers(f"{name}.weight", module.weight), bias, **changes)
    # What sums the branches has a name like theirs and no weights.
    return content + layer("fc1_voc12", "Eltwise") + layer("res2a", "Eltwise")


@pytest.fixture
def small_network():
    return bare_network(NetworkConfig(n_labels=3, blocks=[1, 1, 1, 1]))


def test_every_caffe_layer_gets_its_published_name():
    assert {caffe_name: f"base.{module_name(caffe_name)}" for caffe_name in NAMES} == NAMES


@pytest.mark.parametrize(
    "name", ["res2a", "res2a_relu", "scale2a_branch1", "conv1_relu", "bn2d_branch1", "pool5", "fc_1_2_3"]
)
def test_a_layer_without_tensors_of_its_own_has_no_name(name):
    assert module_name(name) is None


def test_every_number_lands_in_its_tensor(small_network, tmp_path):
    numbers = Numbers()
    path = tmp_path / "net.caffemodel"
    path.write_bytes(written(small_network, NAMES, numbers))
    state = convert_layers(read_caffemodel(path), small_network, prefix="base.")
    assert state.keys() == numbers.state.keys() == small_network.state_dict().keys()
    for name, tensor in numbers.state.items():
        torch.testing.assert_close(state[name], tensor, rtol=1e-6, atol=0)


def test_the_command_writes_a_checkpoint_of_the_published_form(tmp_path, monkeypatch, capsys):
    small = NetworkConfig("DeepLabV1_ResNet101", 91, blocks=[1, 1, 1, 1])
    monkeypatch.setattr("deeplabv2.convert.bare_network", lambda config: bare_network(small))
    numbers = Numbers()
    network = bare_network(small)
    names = {caffe: ours.removeprefix("base.") for caffe, ours in NAMES.items()}
    source = tmp_path / CONVERSIONS["coco"].folder / "init.caffemodel"
    source.parent.mkdir(parents=True)
    source.write_bytes(written(network, names, numbers))
    monkeypatch.chdir(tmp_path)
    assert main(["-d", "coco"]) == 0
    state = torch.load(source.parent / "deeplabv1_resnet101-coco.pth", weights_only=True)
    assert {"layer1.conv1.conv.weight", "fc.weight", "fc.bias"} <= state.keys()
    assert list(state["fc.weight"].shape) == [91, 2048, 1, 1]
    assert "0 missing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"dilation": 1}, "dilation is"), ({"stride": 2}, "stride is"), ({"padding": 3}, "padding is")],
)
def test_a_layer_with_another_setting_is_named(small_network, tmp_path, changed, message):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(written(small_network, NAMES, Numbers(), res5a_branch2b=changed))
    with pytest.raises(CheckpointError, match=f"res5a_branch2b: {message}"):
        convert_layers(read_caffemodel(path), small_network, prefix="base.")


def test_a_pair_of_sizes_and_sizes_by_axis_are_read(tmp_path):
    sizes = field(4, 3) + field(4, 5) + field(13, 2) + field(14, 1) + field(18, varint(2) + varint(4))
    path = tmp_path / "net.caffemodel"
    path.write_bytes(layer("conv", "Convolution", settings=field(106, sizes)))
    (read,) = read_caffemodel(path)
    assert read.settings == {"kernel_size": (3, 5), "stride": (2, 1), "padding": (0, 0), "dilation": (2, 4)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (layer("x_branch", "Convolution", [[1.0]]), "x_branch .* no place"),
        (layer("conv1", "Convolution", [np.ones(5)]), "5 numbers for base.layer1.conv1.conv.weight"),
        (layer("scale", "Scale", [[1.0], [1.0]]), "follows no BatchNorm"),
        (layer("bn_conv1", "BatchNorm", [np.ones(64), np.ones(64), [0.0]]), "no running statistics"),
        (layer("bn_conv1", "BatchNorm", [np.ones(64), np.ones(64)]), "no running statistics"),
        (layer("res6a_branch1", "Convolution", [[1.0]]), "does not have"),
        (layer("bn_conv1", "Convolution", [[1.0]], field(106, field(4, 3))), "bn_conv1 .* is none in the network"),
        (layer("odd", "BatchNorm") + layer("scale", "Scale", [[1.0], [1.0]]), "scale would be base.None"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(small_network, tmp_path, content, message):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        convert_layers(read_caffemodel(path), small_network, prefix="base.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (layer("conv1", "Convolution", [np.ones(9)])[:-3], "not a whole caffemodel"),
        (b"\x0b\x0c\x0d", "not a whole caffemodel"),
        (b"\xff" * 12, "not a whole caffemodel"),
        (field(100, 3), "not a whole caffemodel"),
        (field(100, field(1, "nameless type")), "not a whole caffemodel"),
        (layer("c", "Convolution", settings=field(106, field(4, varint(2**60)))), "not a whole caffemodel .a size of"),
        (b"", "holds no layers"),
        (field(2, field(4, "conv1")), "before 2014"),
    ],
)
def test_a_file_that_is_no_caffemodel_is_refused(tmp_path, content, message):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        read_caffemodel(path)


def test_a_flipped_or_missing_byte_gives_other_numbers_or_an_error_and_nothing_else(small_network, tmp_path):
    weights = np.ones(64 * 3 * 7 * 7, np.float32)
    sizes = field(106, field(4, 7) + field(6, 2) + field(3, 3))
    norm = field(139, field(2, 0.999) + field(3, 1e-5))
    whole = layer("conv1", "Convolution", [weights], sizes) + layer(
        "bn_conv1", "BatchNorm", [np.ones(64)] * 2 + [[1.0]], norm
    )
    path = tmp_path / "net.caffemodel"
    # Not the numbers, which may be any.
    places = [place for place, byte in enumerate(whole) if whole[place - 3 : place + 4].count(0) + (byte == 0) < 3]
    places = [place for place in places if bytes(whole[place : place + 1]) not in (b"\x80", b"\x3f")]
    assert 20 < len(places) < 400
    for place in places:
        for changed in (bytes([whole[place] ^ 1]), b"\xff", b"\x00", b""):
            path.write_bytes(whole[:place] + changed + whole[place + 1 :])
            with contextlib.suppress(CheckpointError):
                assert convert_layers(read_caffemodel(path), small_network, prefix="base.") is not None


def test_a_missing_caffemodel_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"train2_iter_20000\.caffemodel.*--input"):
        main(["-d", "voc12"])
