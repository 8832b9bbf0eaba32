"""Initial weights and trained checkpoints: what fits is loaded, what does not is said."""

from dataclasses import replace

import pytest
import torch

from common.errors import CheckpointError
from common.models.backbones import BackboneConfig
from common.models.resnet import ResNet
from deeplabv2.networks.registry import bare_network, load_network, resolved, starting_network
from deeplabv2.networks.settings import NetworkConfig

SMALL = {"n_labels": 3, "blocks": [1, 1, 1, 1]}
PUBLISHED = NetworkConfig(**SMALL)
OURS = NetworkConfig("DeepLabV2_MSC", 3, BackboneConfig(name="resnet18", width=0.125, output_stride=8))
CONTAINER = NetworkConfig("DeepLabV1_ResNet101", **SMALL)


def saved(path, state, prefix=""):
    torch.save({prefix + name: tensor for name, tensor in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def container():
    """Tensors of the container of the COCO weights."""
    return bare_network(replace(CONTAINER, n_labels=91)).state_dict()


def equal(network, name, tensor):
    return torch.equal(network.state_dict()[name], tensor)


@pytest.mark.parametrize("prefix", ["", "module.", "base.", "module.base."])
def test_the_body_starts_from_the_container_and_the_rest_is_reported(tmp_path, capsys, container, prefix):
    path = saved(tmp_path / "init.pth", container, prefix)
    network = starting_network(replace(PUBLISHED, weights=str(path)))
    name = "layer5.block1.conv3x3.conv.weight"
    assert equal(network, f"base.{name}", container[name])
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{len(container) - 2} matched" in line
    assert "8 missing (aspp.c0.weight" in line
    assert "2 unexpected" in line
    assert "fc.weight" in line


def test_a_body_that_lacks_one_tensor_is_refused_by_its_name(tmp_path, container):
    state = {name: tensor for name, tensor in container.items() if name != "layer3.block1.reduce.bn.weight"}
    path = saved(tmp_path / "init.pth", state)
    with pytest.raises(CheckpointError, match=r"init\.pth.*layer3\.block1\.reduce\.bn\.weight"):
        starting_network(replace(PUBLISHED, weights=str(path)))
    network = starting_network(replace(PUBLISHED, weights=str(path), force_weights=True))
    name = "layer1.conv1.conv.weight"
    assert equal(network, f"base.{name}", container[name])


def test_foreign_names_are_refused_with_what_they_look_like(tmp_path):
    path = saved(tmp_path / "resnet101.pth", ResNet(101, width=0.125).state_dict())
    with pytest.raises(CheckpointError, match=r"0 matched.*torchvision's ResNet-101.*backbone\.weights"):
        starting_network(replace(PUBLISHED, weights=str(path), force_weights=True))


@pytest.mark.parametrize("model", [PUBLISHED, OURS], ids=lambda config: config.name)
def test_a_whole_network_is_a_start_too_with_a_new_head_where_labels_differ(tmp_path, model):
    other = bare_network(model)
    path = saved(tmp_path / "other.pth", other.state_dict())
    same = starting_network(replace(model, weights=str(path)))
    assert all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in same.state_dict().items())
    fewer = starting_network(replace(model, n_labels=2, weights=str(path))).state_dict()
    assert all(torch.equal(fewer[name], other.state_dict()[name]) for name in fewer if "aspp" not in name)
    assert fewer["base.aspp.c0.weight"].shape[0] == 2


@pytest.mark.parametrize("model", [PUBLISHED, OURS, CONTAINER], ids=lambda config: config.name)
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod."])
def test_a_saved_network_comes_back_whole_and_in_eval_mode(tmp_path, model, prefix):
    network = bare_network(model).eval()
    loaded = load_network(model, saved(tmp_path / "final.pth", network.state_dict(), prefix))
    images = torch.randn(1, 3, 33, 41)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network(images))
    assert not loaded.training


@pytest.mark.parametrize("prefix", ["", "module.", "scale.", "module.scale.", "student."])
def test_a_network_saved_without_its_pyramid_or_with_another_name_for_it_comes_back_too(tmp_path, prefix):
    network = bare_network(OURS)
    loaded = load_network(OURS, saved(tmp_path / "final.pth", network.base.state_dict(), prefix))
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in loaded.state_dict().items())


def test_a_checkpoint_is_loaded_strictly(tmp_path):
    state = bare_network(PUBLISHED).state_dict()
    more = saved(tmp_path / "more.pth", {**state, "base.layer5.block2.reduce.conv.weight": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"more\.pth.*1 unexpected.*larger network"):
        load_network(PUBLISHED, more)
    headless = saved(tmp_path / "less.pth", {name: tensor for name, tensor in state.items() if "aspp" not in name})
    with pytest.raises(CheckpointError, match=r"less\.pth.*8 missing"):
        load_network(PUBLISHED, headless)
    with pytest.raises(CheckpointError, match=r"8 wrong shape"):
        load_network(replace(PUBLISHED, n_labels=4), saved(tmp_path / "final.pth", state))


def test_torchvision_weights_start_our_body_and_i2crc(tmp_path):
    body = ResNet(101)
    path = saved(tmp_path / "resnet101.pth", {**body.state_dict(), "fc.weight": torch.zeros(1000, 2048)})
    ours = BackboneConfig(name="resnet101", output_stride=8, freeze_batchnorm=True, weights=str(path))
    for model, place in (
        (NetworkConfig("DeepLabV2_MSC", 3, ours), "body"),
        (NetworkConfig("I2CRC_ResNet101_MSC", 3, ours), "features"),
    ):
        network = starting_network(model)
        state = network.base.get_submodule(place).state_dict()
        assert all(torch.equal(tensor, state[name]) for name, tensor in body.state_dict().items())


def test_the_imagenet_start_computes_the_classifiers_features(tmp_path):
    """At output stride 8 the body's features, taken at every fourth position, are those of the undilated network."""
    body = ResNet(50, output_stride=32).eval()
    path = saved(tmp_path / "resnet50.pth", body.state_dict())
    config = BackboneConfig(name="resnet50", output_stride=8, freeze_batchnorm=True, weights=str(path))
    network = starting_network(NetworkConfig("DeepLabV2_MSC", 3, config)).train()
    images = torch.randn(1, 3, 65, 97)
    with torch.inference_mode():
        torch.testing.assert_close(network.base.body(images)[:, :, ::4, ::4], body(images), rtol=1e-3, atol=1e-4)


def test_weights_of_the_backbone_alone_may_be_given_as_those_of_the_network(tmp_path):
    path = saved(tmp_path / "mobilenet.pth", {"x": torch.zeros(1)})
    alone = resolved(replace(OURS, weights=str(path)))
    assert (alone.weights, alone.backbone.weights) == ("", str(path))
    named = resolved(replace(OURS, weights="imagenet"))
    assert (named.weights, named.backbone.weights) == ("", "imagenet")
    whole = saved(tmp_path / "whole.pth", bare_network(OURS).state_dict())
    assert resolved(replace(OURS, weights=str(whole))).weights == str(whole)
    assert resolved(replace(PUBLISHED, weights=str(path))).weights == str(path)
