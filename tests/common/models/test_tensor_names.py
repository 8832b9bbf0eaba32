"""Names of a file become a network's by matching, whatever a program puts before them."""

import pytest
import torch
from torch import nn

from common.errors import CheckpointError
from common.models.classifier import CamClassifier
from common.models.resnet import ResNet
from common.models.tensor_names import converted_inside, fit_names, tensors_by_names_of
from common.models.weights import load_weights


def network(seed=0):
    torch.manual_seed(seed)
    body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1))
    return nn.ModuleDict({"body": body, "head": nn.Conv2d(4, 2, 1)})


def state_of(seed=1):
    return dict(network(seed).state_dict())


def prefixed(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


def assert_loaded(model, state):
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "module.",
        "model.",
        "net.",
        "scale.",
        "_orig_mod.",
        "student.",
        "base.",
        "module.scale.",
        "a.b.c.d.",
        "body.",
        "head.",
    ],
)
def test_any_prefix_is_taken_off(prefix):
    model, state = network(), state_of()
    report = load_weights(model, prefixed(prefix, state), source="file")
    assert len(report.matched) == len(state) and not report.unexpected
    assert_loaded(model, state)


@pytest.mark.parametrize("prefix", ["scale.", "module.scale.", "", "module.", "encoder."])
def test_any_prefix_is_exchanged_for_the_networks(prefix):
    model, state = nn.ModuleDict({"base": network()}), state_of()
    report = load_weights(model, prefixed(prefix, state), source="file")
    assert len(report.matched) == len(state) and not report.unexpected
    assert_loaded(model["base"], state)


def test_a_part_of_a_larger_network_is_found_and_the_rest_reported():
    body, state = network()["body"], state_of()
    report = load_weights(body, prefixed("module.", state), source="file")
    assert report.unexpected == ("module.head.weight", "module.head.bias")
    assert report.remarks == ('without prefix "module.body."',)
    assert torch.equal(body[0].weight, state["body.0.weight"])


@pytest.mark.parametrize(
    "rename", [{"trunk.": "body.", "fc.": "head."}, lambda name: name.replace("trunk", "body").replace("fc", "head")]
)
@pytest.mark.parametrize("prefix", ["", "module.", "ema.model."])
def test_prefixes_are_taken_off_before_names_are_translated(rename, prefix):
    model, state = network(), state_of()
    published = {name.replace("body", "trunk").replace("head", "fc"): tensor for name, tensor in state.items()}
    load_weights(model, prefixed(prefix, published), source="file", rename=rename)
    assert_loaded(model, state)


def test_two_networks_that_fit_equally_are_an_error_that_names_both():
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    both = {**prefixed("student.", state_of(1)), **prefixed("teacher.", state_of(2))}
    with pytest.raises(
        CheckpointError, match=r"file holds several networks.*'student\.'.*'teacher\.'.*save the tensors"
    ):
        load_weights(model, both, source="file")
    assert_loaded(model, before)


def test_two_copies_of_the_same_values_are_no_error():
    model, state = network(), state_of()
    load_weights(model, {**prefixed("one.", state), **prefixed("two.", state)}, source="file")
    assert_loaded(model, state)


def test_names_that_fit_as_they_are_are_preferred_to_copies_with_a_prefix():
    model, state = network(), state_of()
    report = load_weights(model, {**prefixed("ema.", state_of(2)), **state}, source="file")
    assert_loaded(model, state)
    assert all(name.startswith("ema.") for name in report.unexpected)


def test_a_partial_match_is_an_error_that_names_the_best_candidate():
    state = prefixed("scale.", state_of())
    del state["scale.body.2.weight"]
    with pytest.raises(CheckpointError, match='1 missing .body.2.weight.*without prefix "scale."'):
        load_weights(network(), state, source="file")


def test_an_optional_head_may_be_another_one_behind_any_prefix():
    model, state = network(), state_of()
    others = {**state, "head.weight": torch.zeros(9, 4, 1, 1), "head.bias": torch.zeros(9)}
    report = load_weights(model, prefixed("scale.", others), source="file", optional=("head.",))
    assert len(report.wrong_shape) == 2
    assert torch.equal(model["body"][2].weight, state["body.2.weight"])


def test_blocks_of_a_deeper_network_are_not_taken_for_those_of_a_shallower_one():
    shallow = ResNet(18, 32, 0.125)
    with pytest.raises(CheckpointError, match="missing"):
        load_weights(ResNet(34, 32, 0.125), shallow.state_dict(), source="file")
    report = load_weights(ResNet(34, 32, 0.125), shallow.state_dict(), source="file", force=True)
    assert set(report.matched) == set(shallow.state_dict())


def test_a_backbone_of_a_real_network_is_found_inside_its_classifier():
    backbone, classifier = ResNet(18, 32, 0.125), CamClassifier(ResNet(18, 32, 0.125), 3)
    wrapped = prefixed("lit.model.", classifier.state_dict())
    fit = fit_names(wrapped, backbone.state_dict())
    assert (fit.before, fit.after) == ("lit.model.backbone.", "")
    assert fit.sources.keys() == backbone.state_dict().keys()


def test_the_fit_of_a_large_network_takes_little_time():
    own = {f"layer{i}.{j}.conv{k}.weight": torch.empty(4, 4) for i in range(4) for j in range(60) for k in range(6)}
    fit = fit_names(prefixed("module.scale.", own), prefixed("base.", own))
    assert (fit.before, fit.after, len(fit.sources)) == ("module.scale.", "base.", len(own))


def test_tensors_can_be_had_by_the_networks_names_before_they_are_loaded():
    state = state_of()
    renamed = tensors_by_names_of(network().state_dict(), prefixed("net.", state), None, "file")
    assert renamed.keys() == state.keys()


@pytest.mark.parametrize("prefix", ["", "module.", "a.b."])
def test_a_conversion_of_the_whole_file_sees_the_names_without_wrappers(prefix):
    def convert(state):
        return {name: tensor for name, tensor in state.items() if name.startswith(("body.", "head."))}

    converted = converted_inside(prefixed(prefix, state_of()), network().state_dict(), convert)
    assert converted.keys() == state_of().keys()
