import dataclasses
from urllib.error import URLError

import pytest
import torch
from torchvision.models import WeightsEnum

from common.errors import CheckpointError, ConfigError
from common.models.backbones import BackboneConfig, build_backbone, describe_weights
from common.models.classifier import CamClassifier

NAMES = ("resnet18", "resnet34", "resnet50", "resnet101", "vgg16", "mobilenet_v2")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_builds_a_backbone_with_the_promised_size(name):
    backbone = build_backbone(BackboneConfig(name=name, output_stride=16, width=0.125)).eval()
    with torch.inference_mode():
        assert backbone(torch.randn(1, 3, 40, 33)).shape == (1, backbone.out_channels, 3, 3)


def test_stages_and_batchnorm_are_frozen_as_asked():
    backbone = build_backbone(BackboneConfig(name="resnet18", width=0.125, frozen_stages=2, freeze_batchnorm=True))
    assert not backbone.conv1.weight.requires_grad
    assert not backbone.layer1[0].conv1.weight.requires_grad
    assert backbone.layer2[0].conv1.weight.requires_grad
    assert not backbone.train().layer4[0].bn1.training


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"name": "resnet20"}, "ResNet-20"),
        ({"name": "alexnet"}, "no backbone 'alexnet'"),
        ({"output_stride": 7}, "output_stride is 7"),
        ({"frozen_stages": 9}, "frozen_stages is 9"),
        ({"last_convolution": False}, "last_convolution"),
        ({"weights": "imagenet"}, "width 0.125"),
        ({"weights": "IMAGENET1K_V9"}, "IMAGENET1K_V1"),
        ({"name": "vgg16", "weights": "IMAGENET1K_FEATURES"}, "IMAGENET1K_V1"),
    ],
)
def test_settings_that_cannot_be_are_errors(setting, message):
    with pytest.raises(ConfigError, match=message):
        build_backbone(BackboneConfig(**{"name": "resnet18", "width": 0.125, **setting}))


def test_mobilenet_can_stop_before_the_last_convolution():
    assert build_backbone(BackboneConfig(name="mobilenet_v2", last_convolution=False)).out_channels == 320


def test_weights_come_from_a_classifier_that_was_saved(tmp_path):
    config = BackboneConfig(name="resnet18", width=0.125)
    trained = CamClassifier(build_backbone(config), 3)
    torch.save({"model": trained.state_dict()}, tmp_path / "trained.pth")
    config.weights = str(tmp_path / "trained.pth")
    torch.testing.assert_close(build_backbone(config).layer4[1].conv2.weight, trained.backbone.layer4[1].conv2.weight)


def test_weights_of_another_network_are_an_error(tmp_path):
    torch.save(build_backbone(BackboneConfig(name="vgg16", width=0.125)).state_dict(), tmp_path / "vgg.pth")
    config = BackboneConfig(name="resnet18", width=0.125, weights=str(tmp_path / "vgg.pth"))
    with pytest.raises(CheckpointError, match="0 matched.*VGG-16"):
        build_backbone(config)


def test_a_failed_download_says_how_to_do_without(monkeypatch):
    def no_network(self, **options):
        raise URLError("no route to host")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", no_network)
    with pytest.raises(CheckpointError, match=r"cannot download https://.*resnet18.*give the path"):
        build_backbone(BackboneConfig(name="resnet18", weights="imagenet"))


def test_torchvision_weights_are_loaded_without_their_classifier(monkeypatch):
    expected = build_backbone(BackboneConfig(name="resnet18"))
    state = {**expected.state_dict(), "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: state)
    loaded = build_backbone(BackboneConfig(name="resnet18", weights="IMAGENET1K_V1"))
    torch.testing.assert_close(loaded.conv1.weight, expected.conv1.weight)


@pytest.mark.parametrize(
    ("weights", "description"),
    [
        ("", "random"),
        ("imagenet", "torchvision ResNet50_Weights.IMAGENET1K_V2"),
        ("IMAGENET1K_V1", "torchvision ResNet50_Weights.IMAGENET1K_V1"),
    ],
)
def test_the_description_says_where_the_weights_come_from(weights, description):
    assert describe_weights(BackboneConfig(name="resnet50", weights=weights)) == description


def test_the_description_of_a_file_holds_its_fingerprint_and_no_folder(tmp_path):
    (tmp_path / "body.pth").write_bytes(b"abc")
    assert describe_weights(BackboneConfig(weights=str(tmp_path / "body.pth"))) == "file body.pth sha256:ba7816bf"


def test_describing_a_missing_file_is_an_error():
    with pytest.raises(CheckpointError, match="imagnet"):
        describe_weights(BackboneConfig(weights="imagnet"))


def test_the_shared_weights_build_a_working_backbone(shared):
    path = shared / "data" / "weights" / "mobilenet_v2.safetensors"
    if not path.is_file():
        pytest.skip(f"no {path}")
    config = BackboneConfig(name="mobilenet_v2", weights=str(path), last_convolution=False)
    assert torch.isfinite(build_backbone(config).eval()(torch.randn(1, 3, 65, 65))).all()
    assert describe_weights(config).startswith("file mobilenet_v2.safetensors sha256:")


def test_the_wide_resnet_38_has_stride_8_and_takes_files_only(tmp_path):
    config = BackboneConfig(name="resnet38", output_stride=8, width=0.125)
    backbone = build_backbone(config)
    assert backbone.eval()(torch.randn(1, 3, 33, 20)).shape == (1, backbone.out_channels, 5, 3)
    torch.save(backbone.state_dict(), tmp_path / "wide.pth")
    again = build_backbone(dataclasses.replace(config, weights=str(tmp_path / "wide.pth")))
    assert torch.equal(again.b7.conv_branch1.weight, backbone.b7.conv_branch1.weight)
    with pytest.raises(ConfigError, match="resnet38 has 8"):
        build_backbone(BackboneConfig(name="resnet38", output_stride=16))
    with pytest.raises(ConfigError, match="no weights of resnet38"):
        build_backbone(dataclasses.replace(config, weights="imagenet"))
