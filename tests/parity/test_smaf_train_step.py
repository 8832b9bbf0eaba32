"""One optimiser step of EPS and of SMAF: losses, gradients and weights equal the published ones."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from common.engine.optimizer import set_learning_rates
from common.engine.schedules import ScheduleConfig, build_schedule
from common.method.training import head_and_backbone_optimizer
from common.models.frozen import fold_frozen_batchnorm
from smaf.losses import EpsStep, SelfTrainingStep
from smaf.network import name_here
from smaf.samples import reduced
from smaf.settings import SmafSettings
from tests.parity.smaf_cases import (
    CASES,
    args,
    blocky,
    cases,
    check,
    entry,
    given,
    network_with_weights,
    note,
    step_in,
    tags_of,
    tensor,
    value,
)

# Multiples of the rate in the published groups: backbone and its biases, new layers and theirs.
MULTIPLES = (1, 2, 10, 20)


class Step:
    """The network of a case, ready to learn but without dropout, and its optimiser, with the published momentum."""

    def __init__(self, case, length):
        self.case, settings = case, SmafSettings()
        self.network = network_with_weights(case).train()
        for layer in self.network.modules():
            if isinstance(layer, nn.Dropout2d):
                layer.eval()
        settings.optimizer.lr = self.rate = args(case)["lr"]
        settings.optimizer.momentum = settings.optimizer.weight_decay = args(case)["wt_dec"]
        self.optimizer = head_and_backbone_optimizer(settings, self.network)
        fold_frozen_batchnorm(self.network)
        set_learning_rates(self.optimizer, build_schedule(ScheduleConfig(), length)(0))

    def maps(self):
        """The stored part of the last layer's weights."""
        notes = " ".join(note(self.case, name) for name in CASES[self.case]["arrays"] if name.startswith("fc8"))
        return self.network.head.fc8.weight.detach()[:, :: step_in(notes), 0, 0].clone()

    def gradient_norms(self):
        tensors = [self.network.get_parameter(name_here(name)) for name in args(self.case)["grad_names"]]
        return [float(one.grad.norm()) for one in tensors]

    def norms_of_groups(self):
        found = {
            round(group["lr"] / self.rate): float(nn.utils.get_total_norm([one.grad for one in group["params"]]))
            for group in self.optimizer.param_groups
        }
        return [found.get(multiple, 0.0) for multiple in MULTIPLES]


def saliency_of(case):
    """A picture as wide as all images together, cut into them."""
    name, described = entry(case, ".sal")
    count, _, height, width = described["shape"]
    block = int(re.search(r"blocky\(name, h, \d+\*w, 1, (\d+)\)", described["rule"])[1])
    row = blocky(name, height, count * width, 1, block)[..., 0]
    return tensor((np.stack(np.split(row, count, 1))[:, None] / 255).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("eps_train_step"))
def test_step_of_eps(case):
    settings, run = args(case), Step(case, args(case)["max_step"])
    maps = run.network.head.fc8.out_channels
    batch = {
        "image": tensor(given(case, ".img")),
        "saliency": saliency_of(case),
        "tags": tags_of(settings["label_indices"], maps - 1),
    }
    step, before = EpsStep(True, settings["tau"], settings["lam"]), run.maps()

    def losses():
        terms = step(run.network, batch)
        return torch.stack([terms["classification"], terms["saliency"], sum(terms.values())])

    at_first = losses()
    at_first[2].backward()
    computed = {"grad_norm": run.gradient_norms(), "group_grad_norm": run.norms_of_groups()}
    run.optimizer.step()
    with torch.no_grad():
        computed["losses"] = torch.stack([at_first.detach(), losses()])
    # The array of this name holds the weights before the step, bit by bit; what the step does is in the change.
    check(case, {**computed, "fc8_after": before, "fc8_change": run.maps() - before})


def enlarged(case):
    """Fused maps made of squares: every value of a small array repeated."""
    name, described = entry(case, ".lp")
    factor = int(re.search(r"repeated (\d+)x\1", described["rule"])[1])
    shape = described["shape"]
    small = value(name, (*shape[:2], *(-(-side // factor) for side in shape[2:])), described["rule"])
    return tensor(small.repeat(factor, 2).repeat(factor, 3)[:, :, : shape[2], : shape[3]])


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("smaf_train_step"))
def test_step_of_smaf(case):
    settings, run = args(case), Step(case, args(case)["max_iters"])
    maps = run.network.head.fc8.out_channels
    batch = {
        "image": tensor(given(case, ".img")),
        "attention": torch.stack([reduced(one[:-1]) for one in enlarged(case)]),
        "tags": tags_of(settings["label_indices"], maps - 1),
    }
    before = run.maps()
    step = SelfTrainingStep(SmafSettings().self_training.floor)
    first = step(run.network, batch)["attention"]
    first.backward()
    norms = run.gradient_norms()
    run.optimizer.step()
    with torch.no_grad():
        second = step(run.network, batch)["attention"]
    losses = torch.stack([first.detach(), second])
    check(case, {"losses": losses, "grad_norm": norms, "fc8_change": run.maps() - before})
