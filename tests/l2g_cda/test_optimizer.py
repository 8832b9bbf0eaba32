import pytest

from common.errors import ConfigError
from l2g_cda.backbones import L2GBackbone
from l2g_cda.network import build_pair
from l2g_cda.optimizer import L2GOptimizer, build_l2g_optimizer, optimizer_groups, parameters_by_kind


def groups(backbone, **optimizer):
    pair = build_pair(backbone, 3).train()
    return pair, {group["name"]: group for group in optimizer_groups(pair, 0.1, L2GOptimizer(**optimizer))}


def test_every_parameter_has_exactly_one_kind():
    pair = build_pair(L2GBackbone(width=0.125, attention="nam"), 3)
    names = [name for kind in parameters_by_kind(pair.global_network).values() for name in kind]
    assert sorted(names) == sorted(name for name, _ in pair.global_network.named_parameters())


def test_as_published_suppression_and_attention_are_in_no_group():
    pair, by_name = groups(L2GBackbone(width=0.125))
    learning = {id(parameter) for group in by_name.values() for parameter in group["params"]}
    assert set(by_name) == {"x1_global", "x1_local", "x10_global", "x10_local"}
    assert id(pair.global_network.backbone.DRS_learnable_layer6.fc[0].weight) not in learning
    assert id(pair.global_network.backbone.b6.se_layer.fc[0].weight) not in learning


def test_repaired_they_learn_at_the_heads_rate():
    pair, by_name = groups(L2GBackbone(width=0.125), train_added=True)
    added = {id(parameter) for parameter in by_name["added_global"]["params"]}
    assert id(pair.global_network.backbone.DRS_learnable_layer7.fc[0].weight) in added
    assert by_name["added_global"]["lr"] == by_name["x10_global"]["lr"] == pytest.approx(1.0)


def test_batchnorm_that_is_not_frozen_learns_at_the_backbones_rate():
    _, by_name = groups(L2GBackbone(name="resnet18", width=0.25, frozen_stages=0, freeze_batchnorm=False))
    assert by_name["batchnorm_local"]["lr"] == pytest.approx(0.1)


def test_biases_of_vgg_learn_twice_as_fast():
    _, by_name = groups(L2GBackbone(name="vgg16", width=0.125, frozen_stages=0))
    assert by_name["x2_global"]["lr"] == pytest.approx(0.2)


def test_a_rate_of_zero_is_that_of_the_optimizer():
    pair = build_pair(L2GBackbone(width=0.125), 3)
    rates = {group["name"]: group["lr"] for group in optimizer_groups(pair, 0.0, L2GOptimizer(lr=0.01))}
    assert rates["x1_global"] == 0.01 and rates["x10_local"] == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_group_decays(name):
    pair = build_pair(L2GBackbone(width=0.125), 3)
    config = L2GOptimizer(name=name, weight_decay=0.02)
    optimizer = build_l2g_optimizer(optimizer_groups(pair, 0.1, config), config)
    assert {group["weight_decay"] for group in optimizer.param_groups} == {0.02}


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"name": "adamw", "argument_slip": True}, "argument_slip"), ({"decay_vectors": False}, "decay_vectors")],
)
def test_settings_that_have_no_meaning_are_an_error(settings, message):
    with pytest.raises(ConfigError, match=message):
        L2GOptimizer(**settings)
