"""Seconds and memory of training steps, as the engine takes them; the bench commands of the methods are built from this."""

from __future__ import annotations

import dataclasses
import multiprocessing
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import torch
from torch import nn

from common.engine.losses import PROGRESS, StepFunction
from common.engine.precision import gradient_scaler
from common.engine.run_folder import RunFolder
from common.engine.session import Session, seconds_now
from common.engine.settings import EngineConfig
from common.engine.state import TrainingState
from common.engine.train import accumulate_gradients, update_parameters, wrap
from common.interruption import interrupts_held_back, work_quietly
from common.memory import peak_memory

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


@dataclass(frozen=True)
class StepTimes:
    """Median seconds of the timed steps, and the loss of the first one."""

    seconds: float
    first_loss: float


def time_training_steps(
    network: nn.Module,
    step_function: StepFunction,
    batch: dict[str, Any],
    optimizer: torch.optim.Optimizer,
    engine: EngineConfig,
    session: Session,
    steps: int,
) -> StepTimes:
    """Forward, backward and optimiser on one batch: one step that is not timed, then ``steps``. Nothing is written."""
    engine = dataclasses.replace(engine, precision=engine.known_precision)
    scaler = gradient_scaler(engine.precision, session.device)
    state = TrainingState(RunFolder("unused"), network, optimizer, scaler, engine, session, {})
    prepared = wrap(network, engine, session).train()
    seconds, losses = [], []
    batch = {**batch, PROGRESS: 0.5}
    for _ in range(steps + 1):
        started = seconds_now(session)
        values, bad = accumulate_gradients(prepared, step_function, [batch], optimizer, scaler, engine, session)
        update_parameters(network, optimizer, scaler, engine, values, bad, [batch], state, session)
        seconds.append(seconds_now(session) - started)
        losses.append(sum(values.values()))
    return StepTimes(statistics.median(seconds[1:]), losses[0])


def peak_gigabytes(session: Session) -> float:
    """On a GPU the most its tensors held, on the CPU the most the process held; 10^9 bytes."""
    if session.device.type == "cuda":
        return torch.cuda.max_memory_allocated(session.device) / 1e9
    return peak_memory() / 1e9


def in_own_process(
    function: Callable[Arguments, Value], *arguments: Arguments.args, **options: Arguments.kwargs
) -> Value:
    """Call it in a fresh process: peak memory never shrinks within one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=work_quietly) as pool:
        with interrupts_held_back():
            future = pool.submit(function, *arguments, **options)
        return future.result()
