"""Taps, maps and logits of the three networks equal the published ones; so do names, shapes and what learns."""

import re

import pytest
import torch
from torch import nn

from common.method.training import head_and_backbone_optimizer
from common.models.resnet38 import published_tensor_name
from smaf.network import name_here, published_state
from smaf.settings import SmafSettings
from tests.parity.smaf_cases import (
    CASES,
    FACTS,
    KEYS,
    cases,
    check,
    given,
    network_for,
    network_of,
    note,
    step_in,
    tensor,
    text_of,
)


def learns_with_dropout(case):
    mode = CASES[case]["mode"]
    return mode.startswith("train") and "eval" not in mode


def run(case):
    """The scores of a case, in the mode that it asks for."""
    network = network_for(case)
    try:
        if learns_with_dropout(case):
            network.train()
            torch.manual_seed(int(re.search(r"seed\W+(\d+)", text_of(case))[1]))
        with torch.inference_mode():
            return network(tensor(given(case)))
    finally:
        network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("backbone_"))
def test_backbone(case):
    with torch.inference_mode():
        taps = network_for(case).backbone.taps(tensor(given(case)))._asdict()
    check(case, {name: tap[:, :: step_in(note(case, name))] for name, tap in taps.items()})


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("eps_forward", "smaf_forward"))
def test_scores_with_a_background(case):
    scores = run(case)
    computed = {
        "pred": torch.cat([scores.logits, scores.maps[:, -1:].mean(dim=(2, 3))], 1),
        "cam": scores.maps,
        "feat": scores.features[:, :: step_in(note(case, "feat"))] if "feat" in CASES[case]["arrays"] else None,
    }
    check(case, {name: computed[name] for name in CASES[case]["arrays"]})


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("cls_forward"))
def test_scores_of_the_baseline(case):
    scores = run(case)
    check(case, {"pred": scores.logits, "cam": scores.maps.relu()})


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in cases("cls_forward") if not learns_with_dropout(case)])
def test_the_baseline_is_inferred_with_its_positive_maps(case):
    with torch.inference_mode():
        maps = network_for(case).class_maps(tensor(given(case)))
    check(case, {"pred": run(case).logits, "cam": maps})


@pytest.mark.parametrize("weights", KEYS)
def test_tensors_have_the_published_names_and_shapes(weights):
    network = network_of(weights, KEYS[weights]["fc8.weight"][0])
    shapes = {name: list(value.shape) for name, value in published_state(network).items()}
    assert shapes == KEYS[weights]
    assert {name_here(name) for name in shapes} == set(network.state_dict())


def groups_of(network, rate):
    """lr -> tensors and numbers of each group of the method's optimiser, with the published settings."""
    settings = SmafSettings()
    settings.optimizer.lr = rate
    return head_and_backbone_optimizer(settings, network).param_groups


@pytest.mark.parametrize("weights", FACTS["parameter_groups"])
def test_parameter_groups(weights):
    facts = FACTS["parameter_groups"][weights]
    network = network_of(weights, KEYS[weights]["fc8.weight"][0])
    # The published groups are built before anything is frozen, and hold convolutions only.
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.requires_grad_(True)
    found = {group["lr"]: group for group in groups_of(network, facts["groups"][0]["lr"])}
    wanted = {group["lr"]: group for group in facts["groups"] if group["tensors"]}
    assert found.keys() == wanted.keys()
    for rate, group in wanted.items():
        assert len(found[rate]["params"]) == group["tensors"]
        assert sum(parameter.numel() for parameter in found[rate]["params"]) == group["numel"]
        assert found[rate]["momentum"] == group["momentum"]
        assert found[rate]["weight_decay"] == group["weight_decay"]


@pytest.mark.parametrize("weights", FACTS["parameter_groups"])
def test_what_learns(weights):
    facts = FACTS["parameter_groups"][weights]
    network = network_of(weights, KEYS[weights]["fc8.weight"][0]).train()
    learns = {name: value for name, value in network.named_parameters() if value.requires_grad}
    assert len(learns) == facts["trainable_tensors"]
    assert sum(value.numel() for value in learns.values()) == facts["trainable_numel"]
    first = facts.get("first_trainable", [])
    assert list(learns)[: len(first)] == [name_here(name) for name in first]
    assert not any(layer.training for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    in_groups = {id(parameter) for group in groups_of(network, 0.01) for parameter in group["params"]}
    assert in_groups == {id(value) for value in learns.values()}


def test_imagenet_tensors_are_renamed():
    renamed = FACTS["mxnet_to_torch"]
    assert {name: published_tensor_name(name) for name in renamed} == renamed
    statistics = re.compile("num_batches_tracked|fc8")
    assert {name for name in renamed.values() if name} == {
        name for name in KEYS["eps_eps_voc"] if not statistics.search(name)
    }
