"""DeepLabv3+ on every backbone with stage outputs: sizes, normalisations, groups, published checkpoints."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.engine.optimizer import OptimizerConfig
from common.errors import CheckpointError, ConfigError
from common.models.backbones import BackboneConfig
from deeplabv2.networks.deeplabv3plus import DeepLabV3Plus
from deeplabv2.networks.registry import (
    bare_network,
    for_one_scale,
    grouped_parameters,
    input_convention,
    load_network,
    starting_network,
)
from deeplabv2.networks.settings import NetworkConfig

BACKBONES = {
    "mobilenet": BackboneConfig("mobilenet_v2", 16, 0.25, last_convolution=False),
    "mobilenet_1280": BackboneConfig("mobilenet_v2", 32, 0.25),
    "resnet": BackboneConfig("resnet18", 16, 0.25),
    "resnest": BackboneConfig("resnest50", 16),
}
SMALL = NetworkConfig("DeepLabV3Plus", 5, BACKBONES["mobilenet"], pyramid=[])


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES)
@pytest.mark.parametrize("size", [(65, 50), (48, 33)])
def test_logits_have_the_size_of_the_image(backbone, size):
    network = bare_network(replace(SMALL, backbone=backbone)).eval()
    with torch.inference_mode():
        logits = network(torch.randn(2, 3, *size))
    assert logits.shape == (2, 5, *size) and logits.isfinite().all()


def test_a_narrow_backbone_has_a_narrow_head_and_the_published_one_its_channels():
    with torch.device("meta"):
        narrow, published = (
            for_one_scale(bare_network(replace(SMALL, backbone=BACKBONES[name]))) for name in ("mobilenet", "resnest")
        )
    assert (narrow.aspp.conv1.out_channels, narrow.decoder.conv1.out_channels) == (64, 16)
    assert (published.aspp.conv1.out_channels, published.decoder.conv1.out_channels) == (256, 48)
    assert [published.aspp.get_submodule(f"aspp{n}").atrous_conv.dilation[0] for n in (2, 3, 4)] == [6, 12, 18]


def test_other_rates_are_other_branches():
    network = for_one_scale(bare_network(replace(SMALL, rates=[2, 3]))).eval()
    assert [network.aspp.aspp2.atrous_conv.dilation, network.aspp.aspp3.atrous_conv.dilation] == [(2, 2), (3, 3)]
    assert network(torch.randn(1, 3, 33, 33)).shape == (1, 5, 33, 33)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pyramid": [0.5]}, "DeepLabV3Plus has a single scale: set it to"),
        ({"backbone": BackboneConfig("vgg16", 16, 0.125)}, "VGG16 gives its last features only"),
    ],
)
def test_settings_that_cannot_be_are_errors(changes, message):
    with pytest.raises(ConfigError, match=message):
        bare_network(replace(SMALL, **changes))


@pytest.mark.parametrize(
    ("norm", "layer"), [("group", nn.GroupNorm), ("batch", nn.BatchNorm2d), ("fixed", nn.BatchNorm2d)]
)
def test_the_norm_of_the_head_is_the_one_that_was_asked_for(norm, layer):
    network = for_one_scale(bare_network(replace(SMALL, head_norm=norm)))
    norms = [network.aspp.bn1, network.aspp.aspp1.bn, network.aspp.global_avg_pool[2], network.decoder.bn1]
    norms += [network.decoder.classifier[1], network.decoder.classifier[5]]
    assert all(isinstance(one, layer) for one in norms)
    assert all(one.num_groups == 4 for one in norms if isinstance(one, nn.GroupNorm))


def buffers_after_a_step(norm):
    network = for_one_scale(bare_network(replace(SMALL, head_norm=norm))).train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.randn(2, 3, 33, 33)).sum().backward()
    changed = {name for name, value in network.named_buffers() if not torch.equal(value, before[name])}
    return network, {name.split(".")[0] for name in changed}


def test_fixed_norms_never_change_their_statistics_but_their_scale_learns():
    network, changed = buffers_after_a_step("fixed")
    assert changed == {"model"}
    assert network.decoder.bn1.weight.grad is not None and not network.decoder.bn1.training
    assert buffers_after_a_step("batch")[1] == {"model", "aspp", "decoder"}


def test_weights_and_biases_of_backbone_and_head_learn_at_four_rates():
    network = bare_network(SMALL)
    groups = grouped_parameters(network, SMALL, OptimizerConfig(lr=0.007, weight_decay=4e-5))
    table = {group["name"]: (group["lr"] / 0.007, group["weight_decay"]) for group in groups}
    assert {name: (pytest.approx(rate), decay) for name, (rate, decay) in table.items()} == {
        "backbone": (1, 4e-5),
        "backbone_bias": (2, 0),
        "head": (10, 4e-5),
        "head_bias": (20, 0),
    }
    of = {group["name"]: {id(one) for one in group["params"]} for group in groups}
    base = network.base
    assert id(base.aspp.bn1.weight) in of["head"] and id(base.decoder.classifier[8].bias) in of["head_bias"]
    norm = base.model.features[0][1]
    assert id(norm.weight) in of["backbone"] and id(norm.bias) in of["backbone_bias"]
    assert sum(map(len, of.values())) == len(list(network.parameters()))


def test_new_convolutions_begin_with_he_s_values_and_norms_with_one():
    torch.manual_seed(0)
    head = for_one_scale(bare_network(SMALL)).aspp
    fan_in = head.conv1.in_channels
    assert head.conv1.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
    assert bool((head.bn1.weight == 1).all()) and bool((head.bn1.bias == 0).all())


def test_images_are_rgb_as_imagenet_weights_expect_them():
    assert input_convention(SMALL, (0.0, 0.0, 0.0)).order == "RGB"


def published_file(path, n_labels=5, prefix="", damage=False):
    """A checkpoint of a ResNeSt as published: the backbone's tensors twice."""
    config = replace(SMALL, n_labels=n_labels, backbone=BACKBONES["resnest"])
    network = for_one_scale(bare_network(config))
    state = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
    layers = {"conv1": "stage1.0", "bn1": "stage1.1", **{f"layer{n}": f"stage{n + 1}.0" for n in range(1, 5)}}
    for name, value in network.model.state_dict().items():
        part, _, rest = name.partition(".")
        state[f"{prefix}{layers[part]}.{rest}"] = value + damage if part == "bn1" else value
    torch.save(state, path)
    return network, replace(config, n_labels=5)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_published_checkpoint_predicts_although_it_holds_the_backbone_twice(tmp_path, prefix):
    network, config = published_file(tmp_path / "tag.pth", prefix=prefix)
    images = torch.randn(1, 3, 33, 33)
    with torch.inference_mode():
        assert torch.equal(load_network(config, tmp_path / "tag.pth")(images), network.eval()(images))


def test_a_checkpoint_whose_doubled_tensors_differ_is_an_error(tmp_path):
    _, config = published_file(tmp_path / "tag.pth", damage=True)
    with pytest.raises(CheckpointError, match=r"stage1\.1\.\w+ and model\.bn1\.\w+ are one tensor and differ"):
        load_network(config, tmp_path / "tag.pth")


def test_a_training_starts_from_a_published_checkpoint_of_other_labels(tmp_path):
    other, config = published_file(tmp_path / "tag.pth", n_labels=21)
    lines = []
    network = for_one_scale(starting_network(replace(config, weights=str(tmp_path / "tag.pth")), lines.append))
    assert torch.equal(network.model.layer4[2].conv3.weight, other.model.layer4[2].conv3.weight)
    assert torch.equal(network.aspp.conv1.weight, other.aspp.conv1.weight)
    assert "2 wrong shape (decoder.classifier.8.weight" in lines[0]


def test_a_training_starts_from_weights_of_the_backbone_alone(tmp_path):
    network, config = published_file(tmp_path / "unused.pth")
    torch.save(network.model.state_dict(), tmp_path / "resnest50.pth")
    started = for_one_scale(starting_network(replace(config, weights=str(tmp_path / "resnest50.pth"))))
    assert isinstance(started, DeepLabV3Plus)
    assert torch.equal(started.model.layer4[2].conv3.weight, network.model.layer4[2].conv3.weight)
