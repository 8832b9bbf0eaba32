"""Three heads, what of them learns, and the published files that they are read from and written to."""

import pytest
import torch
from torch import nn

from common.engine.checkpoint import canonical
from common.engine.optimizer import OptimizerConfig
from common.errors import CheckpointError
from common.files import write_torch
from common.method.training import head_and_backbone_optimizer
from common.models.backbones import BackboneConfig
from smaf.network import build_network, load_published_network, published_state, smaf_content
from tests.dropping import dropped
from tests.initial_values import assert_uniform, xavier_bound

NARROW = BackboneConfig(name="resnet38", width=0.125, output_stride=8, frozen_stages=1, freeze_batchnorm=True)
HEADS = ["cls", "plain", "projection"]
CLASSES = 3


def network_with(head, n_classes=CLASSES, seed=0):
    torch.manual_seed(seed)
    return build_network(NARROW, n_classes, head)


def images(count=2, height=24, width=16):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def write(path, content):
    write_torch(path, canonical(content))
    return path


def equal(state, other):
    return state.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in state.items())


@pytest.mark.parametrize(("head", "n_maps"), [("cls", 3), ("plain", 4), ("projection", 4)])
def test_every_class_has_a_map_and_a_logit_and_the_background_a_map_where_there_is_saliency(head, n_maps):
    network = network_with(head).eval()
    with torch.inference_mode():
        scores, maps = network(images()), network.class_maps(images())
    assert scores.maps.shape == (2, n_maps, 3, 2) and scores.logits.shape == (2, 3)
    assert maps.shape == (2, 3, 3, 2) and maps.min() >= 0
    torch.testing.assert_close(scores.logits, scores.maps[:, :3].mean(dim=(2, 3)))


@pytest.mark.parametrize("head", ["plain", "projection"])
def test_maps_with_a_background_are_probabilities(head):
    network = network_with(head).eval()
    with torch.inference_mode():
        probabilities, maps = network.probabilities(images()), network.class_maps(images())
    torch.testing.assert_close(probabilities.sum(1), torch.ones(2, 3, 2))
    torch.testing.assert_close(maps, probabilities[:, :-1])


def test_maps_of_the_baseline_are_the_positive_part_and_dropout_is_before_its_pooling():
    network = network_with("cls").train()
    network.backbone.eval()
    with torch.no_grad():
        scores = network(images())
        torch.testing.assert_close(network.class_maps(images()), scores.maps.relu())
        assert not torch.equal(network(images()).logits, scores.logits)


@pytest.mark.parametrize(("head", "own"), [("cls", [("channels", 0.5)]), ("plain", []), ("projection", [])])
def test_the_baseline_alone_drops_more_than_its_backbone(head, own):
    network, of_backbone = network_with(head).train(), [("channels", 0.3)] * 2 + [("channels", 0.5)] * 2
    with torch.inference_mode():
        assert dropped(network, images()) == of_backbone + own
        assert dropped(network.eval(), images()) == []


@pytest.mark.parametrize("head", HEADS)
def test_new_layers_start_with_xavier_s_uniform_weights(head):
    head = network_with(head).head
    for layer in (head.fc8, head.cov_feat) if head.projects else (head.fc8,):
        assert_uniform(layer.weight, xavier_bound(layer.weight))
    if head.projects:
        assert (head.bn.weight == 1).all() and not head.bn.bias.any()


def test_features_are_those_whose_linear_function_the_maps_are():
    network = network_with("projection").eval()
    with torch.inference_mode():
        scores = network(images())
        assert scores.features.shape == (2, 128, 3, 2) and scores.features.min() >= 0
        torch.testing.assert_close(network.head(scores.features), scores.maps)


@pytest.mark.parametrize(("head", "learning"), [("cls", 36), ("plain", 36), ("projection", 37)])
def test_the_published_number_of_tensors_learns(head, learning):
    names = [name for name, parameter in network_with(head).named_parameters() if parameter.requires_grad]
    assert len(names) == learning
    assert not [name for name in names if ".b2" in name or "conv1a" in name or "bn" in name]


@pytest.mark.parametrize("head", HEADS)
def test_no_batchnorm_ever_changes(head):
    network = network_with(head).train()
    norms = {
        name: tensor.clone()
        for name, layer in network.named_modules()
        if isinstance(layer, nn.BatchNorm2d)
        for name, tensor in layer.named_buffers(prefix=name)
    }
    network(images()).logits.sum().backward()
    assert norms and all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in norms.items())


@pytest.mark.parametrize("head", HEADS)
def test_the_head_learns_ten_times_faster(head):
    class Settings:
        optimizer = OptimizerConfig(lr=0.01, momentum=5e-4)

    groups = {group["name"]: group for group in head_and_backbone_optimizer(Settings, network_with(head)).param_groups}
    assert groups["backbone"]["lr"] == 0.01 and groups["head"]["lr"] == pytest.approx(0.1)
    assert {group["momentum"] for group in groups.values()} == {5e-4}
    assert len(groups["head"]["params"]) == (2 if head == "projection" else 1)


def test_tensors_have_the_published_names():
    state = published_state(network_with("projection"))
    assert {
        "conv1a.weight",
        "b2.conv_branch2a.weight",
        "bn7.running_var",
        "cov_feat.weight",
        "bn.bias",
        "fc8.weight",
    } <= (state.keys())
    assert not [name for name in state if name.startswith(("backbone", "head"))]
    assert len(state) == 235


def test_the_file_of_smaf_is_read_from_its_own_layout(tmp_path):
    network = network_with("projection")
    path = write(tmp_path / "smaf.pth", smaf_content(network, 20, None))
    content = torch.load(path, weights_only=True)
    assert content["iter"] == 19 and content["Net"]["objective_vectors"].shape == (4, 128)
    other = network_with("projection", seed=1)
    load_published_network(other, path)
    assert equal(network.state_dict(), other.state_dict())


@pytest.mark.parametrize("prefix", ["", "module.", "module.net.", "scale."])
@pytest.mark.parametrize("head", ["cls", "plain"])
def test_the_file_of_eps_is_bare(tmp_path, head, prefix):
    network = network_with(head)
    path = write(tmp_path / "eps.pth", {prefix + name: value for name, value in published_state(network).items()})
    other = network_with(head, seed=1)
    load_published_network(other, path)
    assert equal(network.state_dict(), other.state_dict())


@pytest.fixture
def eps_file(tmp_path):
    """A released EPS, and its network."""
    plain = network_with("plain").eval()
    return write(tmp_path / "eps.pth", published_state(plain)), plain


def test_a_lifted_head_gives_the_same_maps(eps_file):
    path, plain = eps_file
    network = network_with("projection", seed=1).eval()
    load_published_network(network, path, lift=True)
    with torch.inference_mode():
        expected, lifted = plain(images()), network(images())
    scale = expected.maps.abs().max()
    torch.testing.assert_close(lifted.maps / scale, expected.maps / scale, rtol=0, atol=1e-5)
    torch.testing.assert_close(lifted.logits / scale, expected.logits / scale, rtol=0, atol=1e-5)


def test_a_lifted_head_gives_the_same_maps_whatever_its_batchnorm_has_seen(eps_file):
    path, plain = eps_file
    network = network_with("projection", seed=1).eval()
    norm = network.head.bn
    norm.running_var.uniform_(0, 4e-5)
    norm.weight.data.uniform_(0.5, 2)
    load_published_network(network, path, lift=True)
    with torch.inference_mode():
        torch.testing.assert_close(network(images()).maps, plain(images()).maps, rtol=1e-3, atol=1e-3)


def test_a_lifted_network_can_learn_everywhere(eps_file):
    path, _ = eps_file
    network = network_with("projection", seed=1).train()
    load_published_network(network, path, lift=True)
    network(images()).maps.square().sum().backward()
    assert network.head.cov_feat.weight.grad[: 2 * (CLASSES + 1)].abs().sum() > 0
    assert network.head.fc8.weight.grad[:, 2 * (CLASSES + 1) :].abs().sum() > 0


def test_a_plain_head_is_lifted_only_when_that_is_asked_for(eps_file):
    path, _ = eps_file
    with pytest.raises(CheckpointError, match="set --lift true .* or --head plain"):
        load_published_network(network_with("projection"), path)


def test_more_maps_than_64_cannot_be_lifted(tmp_path):
    path = write(tmp_path / "coco.pth", published_state(network_with("plain", n_classes=64)))
    with pytest.raises(CheckpointError, match="65 maps need 130 features, the projection has 128; use --head plain"):
        load_published_network(network_with("projection", n_classes=64), path, lift=True)
    path = write(tmp_path / "most.pth", published_state(network_with("plain", n_classes=63)))
    load_published_network(network_with("projection", n_classes=63), path, lift=True)


def test_the_projection_is_not_dropped_in_silence(tmp_path):
    path = write(tmp_path / "smaf.pth", smaf_content(network_with("projection"), 1, None))
    with pytest.raises(CheckpointError, match="set --head projection"):
        load_published_network(network_with("plain"), path)


@pytest.mark.parametrize("head", ["cls", "plain"])
def test_a_file_of_other_classes_is_refused(tmp_path, head):
    path = write(tmp_path / "other.pth", published_state(network_with("plain", n_classes=6)))
    with pytest.raises(CheckpointError, match=r"head\.fc8\.weight"):
        load_published_network(network_with(head), path)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "web.pth").write_text("<html>")
    with pytest.raises(CheckpointError, match=r"web\.pth is not a PyTorch checkpoint"):
        load_published_network(network_with("plain"), tmp_path / "web.pth")
