import pytest
import torch

from common.errors import CheckpointError, ConfigError
from common.models.vgg import VGG16
from sgan.models.build import build_network, load_trained
from sgan.settings import SganConfig
from sgan.settings_sections import Body

THIN = Body(width=0.05)


def small(**settings):
    return SganConfig(**{"pretrain": "", "body": THIN, **settings})


def test_weights_of_torchvisions_vgg16_arrive_in_the_right_layers(tmp_path):
    source = VGG16(width=0.05)
    torch.save(source.state_dict(), tmp_path / "vgg.pth")
    body = build_network(small(pretrain=str(tmp_path / "vgg.pth")), 20).backbone
    assert torch.equal(body.conv1_1.weight, source.features[0].weight)
    assert torch.equal(body.conv4_1.bias, source.features[17].bias)
    assert torch.equal(body.conv5_3.weight, source.features[28].weight)


def test_the_published_flat_file_and_a_classifiers_checkpoint_load(tmp_path):
    network = build_network(small(), 20)
    state = network.backbone.state_dict()
    torch.save(state, tmp_path / "vgg_init.pth")
    torch.save({"model": {f"backbone.{name}": value for name, value in state.items()}}, tmp_path / "checkpoint.pth")
    for name in ("vgg_init.pth", "checkpoint.pth"):
        loaded = build_network(small(pretrain=str(tmp_path / name)), 20)
        assert torch.equal(loaded.backbone.conv3_2.weight, network.backbone.conv3_2.weight)


def test_a_file_that_lacks_a_layer_is_refused_by_its_name(tmp_path):
    state = build_network(small(), 20).backbone.state_dict()
    del state["conv5_3.weight"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(CheckpointError, match=r"conv5_3\.weight"):
        build_network(small(pretrain=str(tmp_path / "part.pth")), 20)


def test_the_missing_published_file_is_named_with_what_makes_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"stage0\.sh"):
        build_network(SganConfig(body=THIN), 20)


def test_a_trained_network_of_the_older_form_loads(tmp_path):
    trained = build_network(small(), 20)
    old = {name.removeprefix("backbone."): value for name, value in trained.state_dict().items()}
    torch.save(old, tmp_path / "model_iter_8000.pth")
    network = build_network(small(), 20)
    load_trained(network, tmp_path / "model_iter_8000.pth")
    assert torch.equal(network.backbone.conv2_1.weight, trained.backbone.conv2_1.weight)


def test_another_body_gives_maps_at_its_stride():
    network = build_network(small(backbone="resnet18", body=Body(width=0.25, dilate=False)), 6).eval()
    scores, segmentation = network(torch.zeros(1, 3, 48, 40), torch.ones(1, 6, 5))
    assert scores.shape == (1, 6)
    assert segmentation.shape == (1, 6, 6, 5)


@pytest.mark.parametrize("settings", [{"backbone": "vgg19"}, {"body": Body(output_stride=4)}])
def test_a_body_that_does_not_exist_is_an_error(settings):
    with pytest.raises(ConfigError, match=r"backbone vgg19|output_stride is 4"):
        build_network(small(**settings), 20)


def test_without_attention_gamma_stays_zero_and_nothing_else_is_frozen():
    network = build_network(small(body=Body(width=0.05, attention=False)), 20)
    assert network.gamma.item() == 0
    assert [name for name, value in network.named_parameters() if not value.requires_grad] == ["gamma"]


def test_mobilenet_without_its_last_convolution_takes_the_weights_of_a_classifier_that_has_it(tmp_path):
    body = {"width": 0.25, "output_stride": 16}
    classifier = build_network(small(backbone="mobilenet_v2", body=Body(**body)), 6).backbone
    torch.save(classifier.state_dict(), tmp_path / "classifier.pth")
    settings = small(backbone="mobilenet_v2", pretrain=str(tmp_path / "classifier.pth"))
    settings.body = Body(**body, last_convolution=False)
    network = build_network(settings, 6)
    assert network.fc9.in_channels == 80
    assert torch.equal(network.backbone.features[17].conv[2].weight, classifier.features[17].conv[2].weight)
