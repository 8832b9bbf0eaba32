"""Learning rates and the optimiser's weights equal the published ones, whose momentum is the weight decay."""

import numpy as np
import pytest
from torch import nn

from common.engine.optimizer import OptimizerConfig, build_optimizer, set_learning_rates
from common.engine.schedules import ScheduleConfig, build_schedule
from tests.parity.smaf_cases import args, cases, check, entry, tensor, value


def groups_of(case):
    """One weight per group of the case."""
    name, described = entry(case, ".w{group}")
    groups = []
    for number, rate in enumerate(args(case)["group_lr"]):
        weight = nn.Parameter(tensor(value(name.format(group=number), described["shape"])))
        decay = args(case)["weight_decay"]
        groups.append({"name": str(number), "params": [weight], "lr": rate, "initial_lr": rate, "weight_decay": decay})
    return groups


def gradient(case, group, step):
    name, described = entry(case, ".g{group}.{step}")
    return tensor(value(name.format(group=group, step=step), described["shape"]))


@pytest.mark.parametrize("case", cases("poly_sgd"))
def test_weights_and_rates_of_every_step(case):
    settings, groups = args(case), groups_of(case)
    config = OptimizerConfig(lr=settings["lr"], momentum=settings["weight_decay"])
    optimizer = build_optimizer(config, groups)
    schedule = build_schedule(ScheduleConfig(length=settings["max_step"]), settings["steps"])
    rates, weights = [], []
    for step in range(settings["steps"]):
        rates.append(list(set_learning_rates(optimizer, schedule(step)).values()))
        for number, group in enumerate(groups):
            group["params"][0].grad = gradient(case, number, step)
        optimizer.step()
        weights.append(np.stack([group["params"][0].detach().numpy().copy() for group in groups]))
    check(case, {"lrs": rates, "weights": np.stack(weights)})


@pytest.mark.parametrize("case", cases("poly_lr"))
def test_rates(case):
    settings = args(case)
    schedule = build_schedule(ScheduleConfig(length=settings["max_step"]), settings["max_step"])
    check(case, {"lrs": [settings["lr"] * schedule(step) for step in settings["steps"]]})
