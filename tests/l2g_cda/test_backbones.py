import struct

import pytest
import torch
from torch import nn

from common.errors import CheckpointError, ConfigError
from common.models.backbones import describe_weights
from common.models.resnet38 import ResNet38
from l2g_cda.attention import ATTENTION_MODULES, FixedSuppression, LearnableSuppression, build_attention
from l2g_cda.backbones import L2GBackbone, build_l2g_backbone

NARROW = {"width": 0.125}


def mxnet_bytes(state):
    """An MXNet file of the oldest generation with the tensors of a ResNet-38."""
    kinds = {"bias": "beta", "weight": "gamma", "running_mean": "moving_mean", "running_var": "moving_var"}
    names, arrays = b"", b""
    for name, tensor in state.items():
        block, *layer, leaf = name.split(".")
        level, _, number = block.removeprefix("b").partition("_")
        unit = level + (f"b{number}" if number else "a")
        kind, _, branch = layer[0].partition("_") if layer else ("", "", "")
        full = {
            "conv1a": "conv1a_weight",
            "bn7": f"bn7_{kinds[leaf]}",
        }.get(block, f"res{unit}_{branch}_weight" if kind == "conv" else f"bn{unit}_{branch}_{kinds[leaf]}")
        names += struct.pack("<Q", len(full) + 4) + b"arg:" + full.encode()
        shape = tuple(tensor.shape)
        arrays += struct.pack(f"<I{len(shape)}Iiii", len(shape), *shape, 1, 0, 0) + tensor.numpy().tobytes()
    count = struct.pack("<Q", len(state))
    return struct.pack("<QQ", 0x112, 0) + count + arrays + count + names


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    """Tensors of a narrow ResNet-38 without attention."""
    torch.manual_seed(1)
    return {name: value for name, value in ResNet38(0.125).state_dict().items() if "num_batches" not in name}


@pytest.mark.parametrize("suffix", [".params", ".pth"])
def test_imagenet_weights_are_read_from_either_form(tmp_path, published, suffix):
    path = tmp_path / f"weights{suffix}"
    if suffix == ".params":
        path.write_bytes(mxnet_bytes(published))
    else:
        torch.save(published, path)
    backbone = build_l2g_backbone(L2GBackbone(**NARROW, weights=str(path)))
    assert all(torch.equal(backbone.state_dict()[name], tensor) for name, tensor in published.items())
    assert "sha256" in describe_weights(L2GBackbone(**NARROW, weights=str(path)))


def test_weights_that_lack_a_tensor_are_refused(tmp_path, published):
    torch.save(
        {name: tensor for name, tensor in published.items() if name != "b4.conv_branch2a.weight"}, tmp_path / "w.pth"
    )
    with pytest.raises(CheckpointError, match=r"b4\.conv_branch2a\.weight"):
        build_l2g_backbone(L2GBackbone(**NARROW, weights=str(tmp_path / "w.pth")))


def test_random_weights_are_called_random():
    assert describe_weights(L2GBackbone()) == "random"


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "mobilenet_v2"])
def test_other_backbones_tap_their_last_three_stages(name):
    backbone = build_l2g_backbone(L2GBackbone(name=name, width=0.25, output_stride=8, frozen_stages=0)).eval()
    with torch.inference_mode():
        taps = backbone.taps(torch.randn(1, 3, 40, 56))
    assert tuple(tap.shape[1] for tap in taps) == backbone.tap_channels
    assert taps.conv6.shape[2:] == (5, 7)


def test_without_attention_and_suppression_a_staged_backbone_is_its_own():
    backbone = build_l2g_backbone(
        L2GBackbone("vgg16", width=0.125, frozen_stages=0, attention="none", suppression="none")
    ).eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(backbone(images), backbone.backbone(images))


@pytest.mark.parametrize("name", [*ATTENTION_MODULES, "se+spatial", "channel+position"])
def test_every_attention_module_trains_inside_the_backbone(name):
    backbone = build_l2g_backbone(L2GBackbone(**NARROW, attention=name, suppression="none", frozen_stages=0))
    backbone.eval()
    torch.manual_seed(0)
    backbone(torch.randn(1, 3, 16, 16)).sum().backward()
    layer = backbone.b7.se_layer
    assert all(parameter.grad is not None for parameter in layer.parameters() if parameter.requires_grad)


def test_none_builds_no_attention():
    assert build_attention("none", 8) is None


@pytest.mark.parametrize(("name", "kind"), [("fixed", FixedSuppression), ("learnable", LearnableSuppression)])
def test_suppression_follows_both_last_blocks(name, kind):
    backbone = build_l2g_backbone(L2GBackbone(**NARROW, suppression=name))
    assert isinstance(backbone.DRS_learnable_layer6, kind) and isinstance(backbone.DRS_learnable_layer7, kind)


def test_a_fixed_share_of_one_changes_nothing():
    torch.manual_seed(0)
    plain = build_l2g_backbone(L2GBackbone(**NARROW, attention="none", suppression="none")).eval()
    cut = build_l2g_backbone(L2GBackbone(**NARROW, attention="none", suppression="fixed", suppression_share=1.0)).eval()
    cut.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(plain(images), cut(images))


def test_frozen_batchnorm_learns_nothing_and_the_rest_does():
    backbone = build_l2g_backbone(L2GBackbone(**NARROW)).train()
    norms = [layer for layer in backbone.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert not any(norm.training or norm.weight.requires_grad for norm in norms)
    assert backbone.b3.conv_branch2a.weight.requires_grad and not backbone.b2.conv_branch2a.weight.requires_grad


def test_another_output_stride_of_resnet38_is_an_error():
    with pytest.raises(ConfigError, match="resnet38 has 8"):
        L2GBackbone(output_stride=16)
