from __future__ import annotations

import pytest
import torch

from common.engine.session import Session, choose_device, start_session
from common.errors import ConfigError
from tests.common.engine.tiny_training import ONE_PROCESS


@pytest.mark.parametrize("name", ["gpu", "cuda:first", "", "meta", "mps"])
def test_an_unknown_device_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(ConfigError, match=f"unknown device '{name}'; use auto, cpu, cuda or cuda:N"):
        choose_device(name, 0)


@pytest.mark.parametrize(("name", "local_rank"), [("cuda", 2), ("cuda:5", 0)])
def test_a_gpu_that_is_not_there_is_an_error_that_says_how_many_are(monkeypatch, name, local_rank):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(ConfigError, match=rf"device {name} .*2 GPU\(s\) found"):
        choose_device(name, local_rank)


def test_auto_is_the_cpu_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", 0) == torch.device("cpu")


def test_auto_is_the_gpu_of_the_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("auto", 1) == torch.device("cuda", 1)
    assert chosen == [torch.device("cuda", 1)]


def test_without_torchrun_there_is_one_main_process(monkeypatch):
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with start_session("cpu") as session:
        assert session == Session(0, 1, torch.device("cpu"))
        assert session.is_main and not session.is_distributed


def test_a_sum_over_one_process_is_the_value_without_its_gradient():
    value = torch.ones(2, requires_grad=True)
    total = ONE_PROCESS.sum(value)
    assert total.tolist() == [1, 1] and not total.requires_grad


def test_the_main_process_gets_the_value_of_its_action():
    assert ONE_PROCESS.on_main(lambda: 3) == 3


def test_the_main_process_keeps_its_own_error():
    def fail():
        raise ConfigError("other settings")

    with pytest.raises(ConfigError, match="other settings"):
        ONE_PROCESS.on_main(fail)
