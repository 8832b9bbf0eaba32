import pytest
import torch

from common.errors import CheckpointError, ConfigError
from common.models.backbones import BackboneConfig
from common.models.vgg import VGG16
from sgan.backbone import sgan_backbone
from sgan.method import load_trained
from sgan.network import SGAN


def small(**settings):
    return sgan_backbone(BackboneConfig(**{"name": "vgg16", "output_stride": 8, "width": 0.05, **settings}))


def test_weights_of_torchvisions_vgg16_arrive_in_the_right_layers(tmp_path):
    source = VGG16(width=0.05)
    torch.save(source.state_dict(), tmp_path / "vgg.pth")
    own = small(weights=str(tmp_path / "vgg.pth"))
    assert torch.equal(own.conv1_1.weight, source.features[0].weight)
    assert torch.equal(own.conv4_1.bias, source.features[17].bias)
    assert torch.equal(own.conv5_3.weight, source.features[28].weight)


def test_the_published_flat_file_and_a_classifiers_checkpoint_load(tmp_path):
    backbone = small()
    state = backbone.state_dict()
    torch.save(state, tmp_path / "vgg_init.pth")
    torch.save({"model": {f"backbone.{name}": value for name, value in state.items()}}, tmp_path / "checkpoint.pth")
    for name in ("vgg_init.pth", "checkpoint.pth"):
        assert torch.equal(small(weights=str(tmp_path / name)).conv3_2.weight, backbone.conv3_2.weight)


def test_a_file_that_lacks_a_layer_is_refused_by_its_name(tmp_path):
    state = small().state_dict()
    del state["conv5_3.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(CheckpointError, match=r"conv5_3\.weight"):
        small(weights=str(tmp_path / "part.pth"))


def test_the_missing_published_file_is_named_with_what_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"stage0\.sh"):
        small(weights="vgg_init.pth")


@pytest.mark.parametrize("prefix", ["", "module.", "net."])
def test_a_trained_network_of_the_older_form_loads(tmp_path, prefix):
    trained, network = SGAN(small(), 20, 0.05), SGAN(small(), 20, 0.05)
    old = {prefix + name.removeprefix("backbone."): value for name, value in trained.state_dict().items()}
    torch.save(old, tmp_path / "model_iter_8000.pth")
    load_trained(None, network, tmp_path / "model_iter_8000.pth")
    assert torch.equal(network.backbone.conv2_1.weight, trained.backbone.conv2_1.weight)


def test_another_backbone_gives_maps_at_its_stride():
    network = SGAN(small(name="resnet18", width=0.25, dilate=False), 6).eval()
    scores, segmentation = network(torch.zeros(1, 3, 48, 40), torch.ones(1, 6, 5))
    assert scores.shape == (1, 6)
    assert segmentation.shape == (1, 6, 6, 5)


def test_settings_that_the_backbone_does_not_have_are_an_error():
    with pytest.raises(ConfigError, match="output_stride is 4"):
        small(output_stride=4)


def test_mobilenet_without_its_last_convolution_takes_the_weights_of_a_classifier_that_has_it(tmp_path):
    own = {"name": "mobilenet_v2", "width": 0.25, "output_stride": 16}
    classifier = small(**own)
    torch.save(classifier.state_dict(), tmp_path / "classifier.pth")
    backbone = small(**own, weights=str(tmp_path / "classifier.pth"), last_convolution=False)
    assert backbone.out_channels == 80
    assert torch.equal(backbone.features[17].conv[2].weight, classifier.features[17].conv[2].weight)
