import json

import numpy as np
import pytest
import torch
from torch import nn

from common.engine.optimizer import set_learning_rates
from common.engine.schedules import decay_steps, poly, step_decay
from l2g_cda.optimizer import L2GOptimizer, build_l2g_optimizer, parameters_by_kind
from tests.parity.l2g_cda_cases import CASES, GOLDEN, cases_of, expected, made, meta_network, published_name

PARAM_GROUPS = json.loads((GOLDEN / "param_groups.json").read_text())
NESTEROV = "schedule/sgd_nesterov"
STEP = [case for case in cases_of("schedule") if "step_" in case]
POLY = [case for case in cases_of("schedule") if "poly_" in case]
POWERS = {"utils.torchutils.PolyOptimizer": 0.7, "my_optim.PolyOptimizer": 0.9}


@pytest.mark.parametrize("net", PARAM_GROUPS)
def test_param_groups(net):
    network = meta_network(net).train()
    wanted = PARAM_GROUPS[net]
    kinds = {kind: [published_name(name) for name in names] for kind, names in parameters_by_kind(network).items()}
    learns = {published_name(name): value.requires_grad for name, value in network.named_parameters()}
    for kind in ("x1", "x2", "x10", "x20"):
        assert kinds[kind] == wanted[f"lr_{kind}"]
    in_groups = [name for kind in ("x1", "x2", "x10", "x20") for name in kinds[kind]]
    assert [name for name in in_groups if not learns[name]] == wanted["in_a_group_but_frozen_by_train()"]
    untouched = [name for name in learns if name not in in_groups]
    assert sorted(name for name in untouched if learns[name]) == sorted(
        wanted["in_no_group_trainable_flag_true (never updated)"]
    )
    assert sorted(name for name in untouched if not learns[name]) == sorted(wanted["in_no_group_frozen"])


@pytest.mark.parametrize("case", STEP)
def test_step_decay(case):
    spec = CASES[case]
    factor = step_decay(decay_steps([int(epoch) for epoch in spec["decay_points"].split(",")], 3))
    rates = [[rate * factor(3 * epoch) for rate in spec["groups"]] for epoch in range(spec["epochs"])]
    np.testing.assert_allclose(rates, expected(case)["lr"], rtol=1e-9)


def trained(optimizer, weight, name, rates):
    """The weight after every step with the gradients ``filled_input("<name>_g<step>")``."""
    history = []
    for step, factor in enumerate(rates):
        set_learning_rates(optimizer, factor)
        weight.grad = made(f"{name}_g{step}", tuple(weight.shape))
        optimizer.step()
        history.append(weight.detach().clone().numpy())
    return np.stack(history)


@pytest.mark.parametrize("case", POLY)
def test_poly_with_the_published_slip(case):
    spec, wanted = CASES[case], expected(case)
    weight = nn.Parameter(made("poly_w", (5,)))
    groups = [
        {"name": str(lr), "params": parameters, "lr": lr, "initial_lr": lr}
        for lr, parameters in zip(spec["groups"], ([weight], [nn.Parameter(torch.zeros(1))]), strict=True)
    ]
    optimizer = build_l2g_optimizer(
        groups, L2GOptimizer(weight_decay=spec["weight_decay_argument"], argument_slip=True)
    )
    effective = spec["effective_defaults"]
    assert {name: optimizer.defaults[name] for name in effective if name != "lr"} == {
        name: value for name, value in effective.items() if name != "lr"
    }
    schedule = poly(spec["max_step"], POWERS[spec["original"]])
    # The published one keeps the last rate past the end, where no training of this toolbox goes.
    factors = [schedule(min(step, spec["max_step"] - 1)) for step in range(len(wanted["lr"]))]
    np.testing.assert_allclose(np.outer(factors, spec["groups"]), wanted["lr"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trained(optimizer, weight, "poly", factors), wanted["weights"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [NESTEROV])
def test_sgd(case):
    spec, wanted = CASES[case], expected(case)["weights"]
    weight = nn.Parameter(made("sgd_w", (6,)))
    group = {"name": "x1", "params": [weight], "lr": spec["lr"], "initial_lr": spec["lr"]}
    config = L2GOptimizer(
        momentum=spec["momentum"], weight_decay=spec["weight_decay"], nesterov=spec["nesterov"], argument_slip=False
    )
    history = trained(build_l2g_optimizer([group], config), weight, "sgd", [1.0] * len(wanted))
    np.testing.assert_allclose(history, wanted, rtol=1e-6)
