from __future__ import annotations

import pytest
import torch
from torch import nn

from common.engine.optimizer import (
    GroupRule,
    OptimizerConfig,
    backbone_and_head_rules,
    build_optimizer,
    parameter_groups,
    set_learning_rates,
    weights_and_biases_rules,
)
from common.errors import ConfigError


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        # A backbone module whose name begins like the head's.
        self.header = nn.Conv2d(4, 4, 1)
        self.head = nn.ModuleDict({"branch": nn.Conv2d(4, 2, 1)})


def named_groups(model, *arguments, **options):
    """Group name -> (the names of its parameters, the group)."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = parameter_groups(model, *arguments, **options)
    return {group["name"]: ([names[parameter] for parameter in group["params"]], group) for group in groups}


@pytest.mark.parametrize("decay_vectors", [True, False])
def test_each_parameter_is_in_exactly_one_group(decay_vectors):
    model = Network()
    groups = named_groups(model, backbone_and_head_rules("head"), 0.01, 1e-4, decay_vectors)
    members = [name for names, _ in groups.values() for name in names]
    assert sorted(members) == sorted(name for name, _ in model.named_parameters())


def test_backbone_head_and_head_biases_learn_at_1_10_and_20_times_and_the_biases_do_not_decay():
    groups = named_groups(Network(), backbone_and_head_rules("head"), 0.01, 1e-4)
    assert groups["head"][0] == ["head.branch.weight"]
    assert groups["head_bias"][0] == ["head.branch.bias"]
    assert {"header.weight", "header.bias", "backbone.1.weight"} < set(groups["backbone"][0])
    rates = {name: (group["lr"], group["initial_lr"], group["weight_decay"]) for name, (_, group) in groups.items()}
    assert rates == {
        "backbone": (0.01, 0.01, 1e-4),
        "head": (pytest.approx(0.1), pytest.approx(0.1), 1e-4),
        "head_bias": (pytest.approx(0.2), pytest.approx(0.2), 0.0),
    }


def test_biases_learn_twice_as_fast_and_what_is_called_weight_decays():
    net = nn.ModuleDict({"body": nn.Conv2d(1, 1, 1), "body_norm": nn.BatchNorm2d(1), "last": nn.Conv2d(1, 1, 1)})
    groups = parameter_groups(net, weights_and_biases_rules(r"^last\."), lr=0.1, weight_decay=0.5)
    found = {group["name"]: (group["lr"], group["weight_decay"], len(group["params"])) for group in groups}
    expected = {
        "head": (1.0, 0.5, 1),
        "head_bias": (2.0, 0.0, 1),
        "backbone": (0.1, 0.5, 2),
        "backbone_bias": (0.2, 0.0, 2),
    }
    assert {name: pytest.approx(values) for name, values in expected.items()} == found


def test_vectors_spared_from_decay_keep_the_rate_of_their_group():
    groups = named_groups(Network(), [GroupRule("head", r"^head\.", 10), GroupRule("backbone", "")], 0.01, 1e-4, False)
    assert {name: group["weight_decay"] for name, (_, group) in groups.items()} == {
        "head": 1e-4,
        "head_vectors": 0.0,
        "backbone": 1e-4,
        "backbone_vectors": 0.0,
    }
    assert groups["head_vectors"][0] == ["head.branch.bias"]
    assert set(groups["backbone"][0]) == {"backbone.0.weight", "header.weight"}
    assert groups["head_vectors"][1]["lr"] == groups["head"][1]["lr"] == pytest.approx(0.1)


def test_vectors_decay_when_nothing_else_is_asked_for():
    assert OptimizerConfig().decay_vectors
    assert set(named_groups(Network(), [GroupRule("all", "")], 0.01, 1e-4)) == {"all"}


def test_the_first_rule_that_matches_counts():
    groups = named_groups(Network(), [GroupRule("norm", r"backbone\.1"), GroupRule("backbone", "")], 0.01, 0.0)
    assert groups["norm"][0] == ["backbone.1.weight", "backbone.1.bias"]


def test_frozen_parameters_are_left_out():
    model = Network()
    model.backbone.requires_grad_(False)
    members = [
        name for names, _ in named_groups(model, backbone_and_head_rules("head"), 0.01, 0.0).values() for name in names
    ]
    assert sorted(members) == ["head.branch.bias", "head.branch.weight", "header.bias", "header.weight"]


def test_a_parameter_without_a_rule_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"parameter backbone\.0\.weight matches no group rule \(head\)"):
        parameter_groups(Network(), [GroupRule("head", "^head")], 0.01, 0.0)


def test_a_network_without_trainable_parameters_is_an_error():
    with pytest.raises(ConfigError, match="everything is frozen"):
        parameter_groups(Network().requires_grad_(False), backbone_and_head_rules("head"), 0.01, 0.0)


def test_two_rules_of_one_name_are_an_error():
    with pytest.raises(ConfigError, match="two group rules have one name"):
        parameter_groups(Network(), [GroupRule("a", "head"), GroupRule("a", "")], 0.01, 0.0)


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_the_optimiser_keeps_rate_and_decay_of_each_group(name, kind):
    groups = parameter_groups(Network(), backbone_and_head_rules("head"), 0.01, 1e-4)
    optimizer = build_optimizer(OptimizerConfig(name=name, lr=0.01, momentum=0.8), groups)
    assert type(optimizer) is kind
    settings = {group["name"]: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups}
    assert settings["head_bias"] == (pytest.approx(0.2), 0.0) and settings["backbone"] == (0.01, 1e-4)
    if name == "sgd":
        assert {group["momentum"] for group in optimizer.param_groups} == {0.8}


def test_a_schedule_multiplies_the_initial_rates_again_and_again():
    optimizer = build_optimizer(
        OptimizerConfig(), parameter_groups(Network(), backbone_and_head_rules("head"), 0.01, 0.0)
    )
    set_learning_rates(optimizer, 0.1)
    rates = set_learning_rates(optimizer, 0.5)
    assert rates == {"backbone": 0.005, "head": pytest.approx(0.05), "head_bias": pytest.approx(0.1)}
    assert {group["name"]: group["lr"] for group in optimizer.param_groups} == rates


@pytest.mark.parametrize(("nesterov", "expected"), [(False, [1, 1.9]), (True, [1.9, 2.71])])
def test_nesterov_looks_ahead_of_the_momentum(nesterov, expected):
    """Of a constant gradient of 1: the velocity, or the gradient and the velocity after it."""
    weight = nn.Parameter(torch.zeros(1))
    config = OptimizerConfig(lr=1.0, momentum=0.9, nesterov=nesterov)
    optimizer = build_optimizer(config, [{"name": "all", "params": [weight], "weight_decay": 0.0}])
    steps = []
    for _ in range(2):
        before, weight.grad = weight.item(), torch.ones(1)
        optimizer.step()
        steps.append(before - weight.item())
    assert steps == pytest.approx(expected)
