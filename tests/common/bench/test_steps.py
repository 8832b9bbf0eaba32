import os

import pytest
import torch

from common.bench.steps import in_own_process, peak_gigabytes, time_training_steps
from common.engine.session import Session
from common.engine.settings import EngineConfig

SESSION = Session(0, 1, torch.device("cpu"))


def test_every_timed_step_and_the_one_before_them_change_the_parameters():
    network = torch.nn.Linear(2, 1, bias=False)
    start = network.weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)

    def step(model, batch):
        return {"sum": model(batch["image"]).sum()}

    batch = {"image": torch.ones(1, 2)}
    times = time_training_steps(network, step, batch, optimizer, EngineConfig(max_steps=4), SESSION, steps=3)
    assert times.seconds > 0
    assert times.first_loss == pytest.approx(float(start.sum()))
    assert torch.allclose(network.weight, start - 4 * 0.5)


def test_the_peak_memory_holds_what_was_allocated():
    before = peak_gigabytes(SESSION)
    kept = torch.ones(int(before * 1e9) // 4 + 25_000_000)
    assert peak_gigabytes(SESSION) >= kept.numel() * 4e-9


def test_a_function_runs_in_another_process():
    assert in_own_process(os.getpid) != os.getpid()
