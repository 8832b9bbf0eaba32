import copy

import pytest
import torch
from torch.nn.functional import conv2d

from common.engine.checkpoint import canonical
from common.errors import CheckpointError
from common.files import write_torch
from l2g_cda.backbones import L2GBackbone
from l2g_cda.network import ClassProbabilities, build_l2g, build_pair, exchange, load_global_network, published_content
from tests.dropping import dropped
from tests.initial_values import assert_default, assert_normal, assert_uniform, he_std, xavier_bound

NARROW = L2GBackbone(width=0.125)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_l2g(NARROW, 3).eval()


def test_what_is_the_same_everywhere_is_not_changed_by_the_exchange(network):
    images = torch.randn(2, 3, 40, 24)
    with torch.inference_mode():
        affinity = network.affinity(images, network.backbone.taps(images))
        assert affinity.shape == (2, 15, 15) and (affinity >= 0).all()
        torch.testing.assert_close(affinity, affinity.transpose(1, 2))
        constant = torch.tensor([1.0, -2.0])[None, :, None, None].expand(2, 2, 5, 3)
        torch.testing.assert_close(exchange(constant, affinity), constant.contiguous(), rtol=1e-3, atol=1e-3)


def test_classifying_before_the_exchange_equals_exchanging_features_first(network):
    images = torch.randn(1, 3, 24, 24)
    with torch.inference_mode():
        taps = network.backbone.taps(images)
        exchanged = exchange(taps.conv6, network.affinity(images, taps))
        features_first = network.fc8(network.backbone(images)) + conv2d(exchanged, network.fc8.weight)
        torch.testing.assert_close(network(images).maps, features_first, rtol=1e-4, atol=1e-5)


def test_probabilities_do_not_see_what_is_added_to_all_scores_of_a_pixel(network):
    images = torch.randn(1, 3, 24, 24)
    probabilities = ClassProbabilities(network).eval()
    with torch.inference_mode():
        before = probabilities.class_maps(images)
        assert before.shape == (1, 3, 3, 3) and 0 < before.sum(1).max() < 1
        shifted = copy.deepcopy(network)
        shifted.fc8.weight += torch.randn_like(shifted.fc8.weight[:1])
        torch.testing.assert_close(ClassProbabilities(shifted).class_maps(images), before, rtol=1e-3, atol=1e-4)
        assert not torch.allclose(shifted.class_maps(images), network.class_maps(images), rtol=1e-2)


def test_no_gradient_of_the_exchange_reaches_the_tapped_features():
    network = build_l2g(NARROW, 3).eval()
    images = torch.randn(1, 3, 24, 24)
    taps = network.backbone.taps(images)
    network.affinity(images, taps).square().sum().backward()
    assert network.f8_3.weight.grad is not None
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


def test_logits_are_means_of_the_class_maps_without_the_background(network):
    images = torch.randn(2, 3, 24, 24)
    with torch.inference_mode():
        scores = network(images)
        torch.testing.assert_close(scores.logits, network.class_maps(images).mean(dim=(2, 3)))
    assert scores.maps.shape[1] == 4 and scores.logits.shape == (2, 3)


def test_both_networks_have_weights_of_their_own():
    pair = build_pair(NARROW, 3)
    assert not torch.equal(pair.global_network.fc8.weight, pair.local_network.fc8.weight)


def test_new_layers_start_with_the_published_weights():
    torch.manual_seed(0)
    # At this width fan-in and fan-out of the correlation's layers differ.
    network = build_l2g(L2GBackbone(width=0.25), 3)
    assert_uniform(network.fc8.weight, xavier_bound(network.fc8.weight))
    for layer in (network.f8_3, network.f8_4):
        assert_normal(layer.weight, he_std(layer.weight))
    assert_uniform(network.f9.weight, xavier_bound(network.f9.weight, gain=4))
    assert not any(layer.bias is not None for layer in network.head)


def test_attention_and_suppression_start_as_pytorch_makes_them(network):
    backbone = network.backbone
    for layer in (
        *(block.se_layer.fc[place] for block in (backbone.b6, backbone.b7) for place in (0, 2)),
        *(backbone.DRS_learnable_layer6.fc[0], backbone.DRS_learnable_layer7.fc[0]),
    ):
        assert_default(layer)


def test_both_networks_drop_channels_in_their_last_blocks_alone():
    pair, images = build_pair(NARROW, 3), torch.randn(1, 3, 24, 24)
    in_blocks = [("channels", 0.3)] * 2 + [("channels", 0.5)] * 2
    with torch.inference_mode():
        assert dropped(pair.train(), images, images) == 2 * in_blocks
        assert dropped(pair.eval(), images, images) == []


def test_in_training_no_batchnorm_learns_or_counts():
    pair = build_pair(NARROW, 3).train()
    norms = [layer for layer in pair.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms and not any(norm.training or norm.weight.requires_grad or norm.bias.requires_grad for norm in norms)


def write_published(path, pair, epoch, steps):
    write_torch(path, canonical(published_content(pair, epoch, steps)))


def test_a_published_checkpoint_gives_the_global_network_back(tmp_path):
    pair = build_pair(NARROW, 3)
    write_published(tmp_path / "voc_epoch_9.pth", pair, epoch=9, steps=7)
    content = torch.load(tmp_path / "voc_epoch_9.pth", weights_only=True)
    assert (content["epoch"], content["global_counter"]) == (9, 7)
    assert {"module.conv1a.weight", "module.fc8.weight", "module.b6.se_layer.fc.0.weight"} <= content[
        "state_dict"
    ].keys()
    other = build_l2g(NARROW, 3)
    load_global_network(other, tmp_path / "voc_epoch_9.pth")
    assert all(torch.equal(other.state_dict()[name], value) for name, value in pair.global_network.state_dict().items())


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
@pytest.mark.parametrize("own", [True, False], ids=["our names", "published names"])
def test_a_bare_network_behind_any_prefix_is_read(tmp_path, prefix, own):
    network, other = build_l2g(NARROW, 3), build_l2g(NARROW, 3)
    state = {
        prefix + (name if own else name.removeprefix("backbone.")): tensor
        for name, tensor in network.state_dict().items()
    }
    write_torch(tmp_path / "one.pth", {"model_state_dict": state, "epoch": 3})
    load_global_network(other, tmp_path / "one.pth")
    assert all(torch.equal(other.state_dict()[name], value) for name, value in network.state_dict().items())


def test_a_checkpoint_of_another_class_count_is_refused(tmp_path):
    write_published(tmp_path / "five.pth", build_pair(NARROW, 5), epoch=0, steps=0)
    with pytest.raises(CheckpointError, match=r"fc8\.weight"):
        load_global_network(build_l2g(NARROW, 3), tmp_path / "five.pth")
