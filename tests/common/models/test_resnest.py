"""The ResNeSt backbones against timm's networks, and every backbone's features of its stages."""

import dataclasses

import pytest
import timm
import torch

from common.errors import CheckpointError, ConfigError
from common.models import resnest
from common.models.backbones import BackboneConfig, build_backbone, describe_weights
from common.models.mobilenet import MobileNetV2
from common.models.resnest import ResNeSt
from common.models.resnet import ResNet
from common.models.vgg import VGG16

IMAGES = torch.randn(2, 3, 65, 50, generator=torch.Generator().manual_seed(0))
STAGED = {
    "resnet18": lambda output_stride: ResNet(18, output_stride, 0.25),
    "resnet50": lambda output_stride: ResNet(50, output_stride, 0.125),
    "mobilenet": lambda output_stride: MobileNetV2(output_stride, 0.25),
    "mobilenet_320": lambda output_stride: MobileNetV2(output_stride, 0.25, last_convolution=False),
    "resnest50": lambda output_stride: ResNeSt(50, output_stride),
}


@pytest.mark.parametrize("depth", [50, 101, 200, 269])
@pytest.mark.parametrize("output_stride", [8, 32])
def test_tensor_names_and_shapes_are_timms_without_the_classifier(depth, output_stride):
    with torch.device("meta"):
        reference = timm.create_model(resnest.TIMM_NAMES[depth]).state_dict()
        network = ResNeSt(depth, output_stride).state_dict()
    expected = {name: tensor.shape for name, tensor in reference.items() if not name.startswith("fc.")}
    assert {name: tensor.shape for name, tensor in network.items()} == expected


def test_at_stride_32_the_features_are_timms():
    network = ResNeSt(50).eval()
    reference = timm.create_model("resnest50d").eval()
    reference.load_state_dict(network.state_dict(), strict=False)
    with torch.inference_mode():
        assert torch.equal(network(IMAGES), reference.forward_features(IMAGES))


@pytest.mark.parametrize(("output_stride", "dilated", "strided"), [(16, [4], [2, 3]), (8, [3, 4], [2])])
def test_dilated_layers_pool_after_split_attention_and_not_in_the_shortcut(output_stride, dilated, strided):
    network = ResNeSt(50, output_stride)
    for number in dilated:
        first, second = getattr(network, f"layer{number}")[:2]
        assert (first.avd_last.kernel_size, first.avd_last.stride, first.avd_last.padding) == (3, 1, 1)
        assert first.avd_last.count_include_pad
        assert isinstance(first.downsample[0], torch.nn.Identity)
        assert second.conv2.conv.dilation == (2 ** (1 + number - dilated[0]),) * 2
        assert first.conv2.conv.dilation == (2 ** (number - dilated[0]),) * 2
    for number in strided:
        first = getattr(network, f"layer{number}")[0]
        assert (first.avd_last.stride, first.downsample[0].stride) == (2, 2)
    assert network.layer1[0].avd_last is None


@pytest.mark.parametrize("name", STAGED)
@pytest.mark.parametrize("output_stride", [16, 32])
def test_every_stage_has_the_promised_channels_and_stride_and_the_last_is_the_output(name, output_stride):
    backbone = STAGED[name](output_stride).eval()
    with torch.inference_mode():
        features = backbone.stage_outputs(IMAGES)
        assert torch.equal(features[-1], backbone(IMAGES))
    strides = [2 if name.startswith("mobilenet") else 4, 4, 8, 16, output_stride]
    sizes = [(-(-65 // stride), -(-50 // stride)) for stride in strides]
    assert [tuple(feature.shape[2:]) for feature in features] == sizes
    assert tuple(feature.shape[1] for feature in features) == backbone.stage_channels
    assert backbone.stage_channels[-1] == backbone.out_channels


def test_published_mobilenet_stages_have_the_channels_of_the_paper():
    assert MobileNetV2().stage_channels == (16, 24, 32, 96, 1280)
    assert MobileNetV2(last_convolution=False).stage_channels == (16, 24, 32, 96, 320)


def test_a_backbone_without_stage_outputs_says_so():
    with pytest.raises(ConfigError, match="VGG16 gives its last features only"):
        VGG16(16, 0.125).stage_outputs(IMAGES)


def test_frozen_batchnorm_keeps_its_statistics_and_its_weight_learns():
    backbone = build_backbone(BackboneConfig("resnest50", output_stride=16, freeze_batchnorm=True)).train()
    before = {name: tensor.clone() for name, tensor in backbone.named_buffers()}
    backbone(IMAGES).sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in backbone.named_buffers())
    assert backbone.layer4[0].conv2.bn0.weight.grad is not None


def test_the_five_stages_hold_every_parameter_once():
    network = ResNeSt(50, 16)
    in_stages = [id(parameter) for stage in network.stages for parameter in stage.parameters()]
    assert sorted(in_stages) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"name": "resnest34"}, "ResNeSt-34 is not known; depths are 50, 101, 200, 269"),
        ({"name": "resnest"}, "no backbone 'resnest'"),
        ({"output_stride": 4}, "output_stride is 4; ResNeSt has 8, 16, 32"),
        ({"width": 0.5}, "width 1.0 only"),
        ({"dilate": False}, "dilate=false"),
        ({"weights": "IMAGENET1K_V1"}, "torchvision has no weights of resnest50"),
    ],
)
def test_settings_that_cannot_be_are_errors(setting, message):
    with pytest.raises(ConfigError, match=message):
        build_backbone(BackboneConfig(**{"name": "resnest50", **setting}))


def test_imagenet_weights_are_timms_by_name_and_a_failed_download_says_how_to_do_without(monkeypatch):
    config = BackboneConfig("resnest101", weights="imagenet")
    assert describe_weights(config) == "timm resnest101e.in1k"
    asked = []

    def no_network(name, pretrained=False, **options):
        if not pretrained:
            return created(name, **options)
        asked.append(name)
        raise OSError("no route to host")

    created = timm.create_model
    monkeypatch.setattr(timm, "create_model", no_network)
    with pytest.raises(CheckpointError, match=r"timm's resnest50d\.in1k \(no route to host\).*give the path"):
        build_backbone(dataclasses.replace(config, name="resnest50"))
    assert asked == ["resnest50d.in1k"]


def test_weights_of_the_authors_file_are_loaded_without_their_classifier(tmp_path):
    torch.save(timm.create_model("resnest50d").state_dict(), tmp_path / "resnest50.pth")
    backbone = build_backbone(BackboneConfig("resnest50", weights=str(tmp_path / "resnest50.pth")))
    saved = torch.load(tmp_path / "resnest50.pth", weights_only=True)
    assert torch.equal(backbone.layer4[2].conv3.weight, saved["layer4.2.conv3.weight"])
