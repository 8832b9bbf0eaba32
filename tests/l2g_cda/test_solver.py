import pytest

from common.errors import ConfigError
from l2g_cda.models.bodies import BodyConfig
from l2g_cda.models.pair import build_pair
from l2g_cda.solver import SolverConfig, optimizer_groups, parameters_by_kind, poly, step_decay


def groups(body, **solver):
    pair = build_pair(body, 3).train()
    return pair, {group["name"]: group for group in optimizer_groups(pair, 0.1, SolverConfig(**solver))}


def test_every_parameter_has_exactly_one_kind():
    pair = build_pair(BodyConfig(width=0.125, attention="gam"), 3)
    names = [name for kind in parameters_by_kind(pair.whole).values() for name in kind]
    assert sorted(names) == sorted(name for name, _ in pair.whole.named_parameters())


def test_as_published_suppression_and_attention_are_in_no_group():
    pair, by_name = groups(BodyConfig(width=0.125))
    learning = {id(parameter) for group in by_name.values() for parameter in group["params"]}
    assert set(by_name) == {"x1_global", "x1_local", "x10_global", "x10_local"}
    assert id(pair.whole.body.DRS_learnable_layer6.fc[0].weight) not in learning
    assert id(pair.whole.body.b6.se_layer.fc[0].weight) not in learning


def test_repaired_they_learn_at_the_heads_rate():
    pair, by_name = groups(BodyConfig(width=0.125), train_added=True)
    added = {id(parameter) for parameter in by_name["added_global"]["params"]}
    assert id(pair.whole.body.DRS_learnable_layer7.fc[0].weight) in added
    assert by_name["added_global"]["lr"] == by_name["x10_global"]["lr"] == pytest.approx(1.0)


def test_batchnorm_that_is_not_frozen_learns_at_the_bodys_rate():
    _, by_name = groups(BodyConfig(name="resnet18", width=0.25, frozen_stages=0, freeze_batchnorm=False))
    assert by_name["batchnorm_local"]["lr"] == pytest.approx(0.1)


def test_biases_of_vgg_learn_twice_as_fast():
    _, by_name = groups(BodyConfig(name="vgg16", width=0.125, frozen_stages=0))
    assert by_name["x2_global"]["lr"] == pytest.approx(0.2)


def test_a_decay_epoch_before_the_first_epoch_never_comes():
    assert [step_decay([5], 2, first_epoch=10)(step) for step in range(6)] == [1.0] * 6


def test_poly_never_reaches_zero():
    schedule = poly(10, 0.7)
    assert schedule(0) == 1 and schedule(10) == schedule(9) > 0


def test_the_slip_of_sgd_does_not_go_with_adamw():
    with pytest.raises(ConfigError, match="argument_slip"):
        SolverConfig(name="adamw", argument_slip=True)
