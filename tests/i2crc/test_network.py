"""The classifier: sizes of its maps, what of it starts how, and published files that it is read from and written to."""

import math
from types import SimpleNamespace

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from common.engine.checkpoint import canonical
from common.errors import CheckpointError, ConfigError
from common.files import write_torch
from common.models.backbones import BackboneConfig
from i2crc.network import FlooredVGG16, build_classifier, classifier_content, load_classifier

CLASSES = 3


def config(**changes):
    return BackboneConfig(**{"name": "vgg16", "output_stride": 8, "width": 0.125, **changes})


def network_of(seed=0, n_classes=CLASSES, **changes):
    torch.manual_seed(seed)
    return build_classifier(config(**changes), n_classes).eval()


def images(height=24, width=32):
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def state_of(network):
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(state, other):
    return state.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in state.items())


def write(path, content):
    write_torch(path, canonical(content))
    return path


@pytest.mark.parametrize(("height", "width"), [(24, 32), (31, 33), (8, 71), (40, 15)])
def test_sizes_of_maps_are_rounded_down(height, width):
    with torch.inference_mode():
        scores = network_of()(images(height, width))
    assert scores.maps.shape == (2, CLASSES, height // 8, width // 8)


def test_logits_are_the_means_of_the_maps_whatever_their_sign():
    network = network_of()
    with torch.inference_mode():
        scores = network(images())
        assert torch.equal(network.class_maps(images()), scores.maps)
    assert scores.maps.min() < 0 < scores.maps.max()
    torch.testing.assert_close(scores.logits, scores.maps.mean(dim=(2, 3)))


def test_the_backbone_ends_with_the_last_convolution_and_its_fourth_pool_keeps_the_size():
    layers = list(FlooredVGG16(0.125).features)
    pools = [layer for layer in layers if isinstance(layer, nn.MaxPool2d)]
    dilations = [layer.dilation[0] for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode) for pool in pools] == [
        *[(2, 2, 0, False)] * 3,
        (3, 1, 1, False),
    ]
    assert dilations == [1] * 10 + [2] * 3 and isinstance(layers[-1], nn.ReLU) and len(layers) == 30


def test_stages_hold_every_tensor_of_the_backbone_once():
    backbone = FlooredVGG16(0.125)
    in_stages = [id(one) for stage in backbone.stages for one in stage.parameters()]
    assert sorted(in_stages) == sorted(id(one) for one in backbone.parameters())


@pytest.mark.parametrize(("stages", "learning"), [(0, 34), (2, 26), (5, 8)])
def test_frozen_stages_do_not_learn(stages, learning):
    network = network_of(frozen_stages=stages)
    assert sum(parameter.requires_grad for parameter in network.parameters()) == learning


def test_new_layers_start_with_the_published_spread():
    network = network_of(width=0.5, n_classes=20)
    for layer in (one for one in network.extra_convs if isinstance(one, nn.Conv2d)):
        fan_out = math.prod(layer.kernel_size) * layer.out_channels
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)
        assert not layer.bias.any()


@pytest.mark.parametrize(
    ("name", "stride"), [("resnet18", 8), ("resnet18", 16), ("mobilenet_v2", 16), ("mobilenet_v2", 8)]
)
def test_other_backbones_carry_the_same_head(name, stride):
    with torch.inference_mode():
        scores = network_of(name=name, output_stride=stride, width=0.25)(images(32, 48))
    assert scores.maps.shape == (2, CLASSES, 32 // stride, 48 // stride) and torch.isfinite(scores.logits).all()


def test_another_stride_of_the_published_network_is_an_error():
    with pytest.raises(ConfigError, match="output_stride is 16"):
        build_classifier(config(output_stride=16), CLASSES)


def test_weights_of_torchvision_start_the_backbone_and_nothing_else(tmp_path):
    published = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    state = {f"features.{name}": tensor for name, tensor in published.state_dict().items()}
    path = write(tmp_path / "vgg16.pth", {**state, "classifier.0.weight": torch.zeros(2, 2)})
    started, bare = network_of(width=1.0, weights=str(path)), network_of(width=1.0)
    assert equal(started.backbone.features.state_dict(), published.state_dict())
    assert not equal(bare.backbone.features.state_dict(), published.state_dict())
    assert started.extra_convs[0].weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 512)), rel=0.05)


# --- Published files. ---


def test_the_content_of_a_published_file():
    content = classifier_content(network_of(), epoch=29, steps=63510)
    assert (content["epoch"], content["global_counter"]) == (29, 63510)
    names = set(content["state_dict"])
    assert {"module.features.0.weight", "module.features.28.bias", "module.extra_convs.6.bias"} < names
    assert len(names) == 34 and all(name.startswith(("module.features.", "module.extra_convs.")) for name in names)


def without_prefix(state):
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


# Layout of a file -> its content, of a network.
LAYOUTS = {
    "published": lambda network: classifier_content(network, 29, 3),
    "published, one GPU": lambda network: {
        "state_dict": without_prefix(classifier_content(network, 29, 3)["state_dict"])
    },
    "bare": lambda network: without_prefix(classifier_content(network, 29, 3)["state_dict"]),
    "bare, DataParallel": lambda network: classifier_content(network, 29, 3)["state_dict"],
    "of the toolbox": lambda network: network.state_dict(),
    "of the toolbox, DataParallel": lambda network: nn.DataParallel(network).state_dict(),
    "bare, another prefix": lambda network: {
        f"scale.{name}": one for name, one in without_prefix(classifier_content(network, 29, 3)["state_dict"]).items()
    },
    "of the toolbox, compiled, beside an optimiser": lambda network: {
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}},
        "model_state_dict": {f"_orig_mod.{name}": one for name, one in network.state_dict().items()},
    },
    "of the toolbox, inside a checkpoint": lambda network: {"model": network.state_dict(), "step": 3},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_of_any_layout_gives_every_tensor_back(tmp_path, layout):
    trained, other = network_of(seed=1), network_of(seed=2)
    path = write(tmp_path / "pascal_voc_epoch_29.pth", LAYOUTS[layout](trained))
    assert not equal(state_of(trained), state_of(other))
    load_classifier(other, path)
    assert equal(state_of(trained), state_of(other))


def test_safetensors_are_read_too(tmp_path):
    trained, other = network_of(seed=1), network_of(seed=2)
    save_file(classifier_content(trained, 29, 3)["state_dict"], tmp_path / "one.safetensors")
    load_classifier(other, tmp_path / "one.safetensors")
    assert equal(state_of(trained), state_of(other))


WRONG = SimpleNamespace(
    classes=lambda: classifier_content(network_of(n_classes=CLASSES + 1), 29, 3),
    width=lambda: classifier_content(network_of(width=0.25), 29, 3),
    backbone_alone=lambda: {f"features.{name}": one for name, one in FlooredVGG16(0.125).features.state_dict().items()},
)


@pytest.mark.parametrize("wrong", vars(WRONG))
def test_a_file_of_another_network_changes_nothing(tmp_path, wrong):
    network = network_of()
    before, path = state_of(network), write(tmp_path / "other.pth", getattr(WRONG, wrong)())
    with pytest.raises(CheckpointError, match=r"other\.pth"):
        load_classifier(network, path)
    assert equal(before, state_of(network))
