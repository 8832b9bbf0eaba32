"""``engine.precision: auto``: layout, precision and convolutions of a training's steps, chosen by measuring a few of them at its start.

Which of them is the fastest depends on the network, the size of its maps and the processor, and some combinations do nothing
or compute wrong gradients. The choice is recorded in the run's folder, so that a continued training keeps it on any machine.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import statistics
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.data.sampling import SeededDataset
from common.engine.loading import Collate, step_batches
from common.engine.losses import PROGRESS, StepFunction
from common.engine.precision import gradient_scaler
from common.engine.randomness import seed_everything
from common.engine.run_folder import REDO_RUN, RunFolder
from common.engine.session import Session, seconds_now
from common.engine.settings import EngineConfig
from common.engine.train import accumulate_gradients, prepare_convolutions, wrap
from common.errors import DataError
from common.files import write_json
from common.records import read_record

# In the order in which equally fast ones are taken: plain fp32 first.
FORMS: dict[str, dict[str, Any]] = {
    "fp32": {"precision": "fp32", "channels_last": False, "winograd": False},
    "fp32, channels-last": {"precision": "fp32", "channels_last": True, "winograd": False},
    "fp32, channels-last, Winograd": {"precision": "fp32", "channels_last": True, "winograd": True},
    "bf16": {"precision": "bf16", "channels_last": False, "winograd": False},
    "bf16, channels-last": {"precision": "bf16", "channels_last": True, "winograd": False},
}
TIMED_STEPS = 3
# A gradient that differs by rounding points where fp32's does, if not exactly: bf16 keeps two to three decimal digits of every product.
LEAST_COSINE = 0.5
# Parameters whose gradients are smaller, beside the largest one, may be rounding alone.
WORTH_COMPARING = 1e-2


class Passes(NamedTuple):
    """Median seconds of forward and backward pass, and the gradients of all parameters, float32 on the CPU."""

    seconds: float
    gradients: list[Tensor]


def settled(
    config: EngineConfig,
    model: nn.Module,
    step_function: StepFunction,
    dataset: SeededDataset,
    run: RunFolder,
    session: Session,
    collate: Collate,
) -> EngineConfig:
    """The settings with a form in the place of ``auto``: the recorded one, or the fastest; others come back as they are.

    The arguments are those of :func:`common.engine.train.train`; ``model`` is measured as a copy.

    Raises:
        DataError: a sample of the first batch, or the record, cannot be read.
    """
    if config.precision != "auto":
        return config
    if not run.engine_form.exists():
        # Every process measures, as their passes exchange numbers; the sums of their seconds make them choose alike.
        found = measure_forms(config, model, step_function, dataset, session, collate)
        session.on_main(lambda: write_json(run.engine_form, found))
    name = read_record(run.engine_form, {"form": "str"}, REDO_RUN)["form"]
    if name not in FORMS:
        raise DataError(f"{run.engine_form}: there is no form {name}, only {'; '.join(FORMS)}; {REDO_RUN}")
    return dataclasses.replace(config, **FORMS[name])


def measure_forms(
    config: EngineConfig,
    model: nn.Module,
    step_function: StepFunction,
    dataset: SeededDataset,
    session: Session,
    collate: Collate,
) -> dict[str, Any]:
    """Seconds of every form on the training's first batch, what spoke against one, and the fastest of the others."""
    one = dataclasses.replace(config, workers=0, accumulate=1)
    with contextlib.closing(step_batches(dataset, one, session, 0, collate)) as steps:
        (batch,) = next(steps)
    seconds: dict[str, float] = {}
    refused: dict[str, str] = {}
    plain: Passes | None = None
    for name, form in FORMS.items():
        measured = passes_of(dataclasses.replace(one, **form), model, step_function, batch, session)
        plain = plain or measured
        seconds[name] = round(float(session.sum(torch.tensor(measured.seconds))) / session.world_size, 4)
        objection = objection_to(measured.gradients, plain.gradients, form["precision"] != "fp32")
        if session.any(bool(objection)):
            refused[name] = objection or "another process refuses it"
    form_taken = min((name for name in FORMS if name not in refused), key=lambda name: seconds[name])
    if session.is_main:
        times = ", ".join(f"{name} {value:.3f}" for name, value in seconds.items())
        print(f"Steps: {form_taken}, the fastest here (seconds of a pass: {times})")
        for name, why in refused.items():
            print(f"Steps: not {name}: {why}")
    return {"form": form_taken, "seconds": seconds, "refused": refused}


def passes_of(
    config: EngineConfig, model: nn.Module, step_function: StepFunction, batch: dict[str, Any], session: Session
) -> Passes:
    """Take the passes of a step with a copy of the model, one that is not timed first."""
    trial = without_dropout(copy.deepcopy(model))
    prepare_convolutions(trial, config)
    network = wrap(
        trial, dataclasses.replace(config, compile=False), dataclasses.replace(session, world_size=1)
    ).train()
    optimizer = torch.optim.SGD(trial.parameters(), lr=0)
    scaler = gradient_scaler(config.precision, session.device)
    seconds, gradients = [], []
    for number in range(1 + TIMED_STEPS):
        seed_everything(config.seed, 0, session.rank)
        started = seconds_now(session)
        accumulate_gradients(network, step_function, [{**batch, PROGRESS: 0.0}], optimizer, scaler, config, session)
        seconds.append(seconds_now(session) - started)
        if number == 0:
            gradients = [
                (torch.zeros_like(one) if one.grad is None else one.grad).float().cpu() for one in trial.parameters()
            ]
    return Passes(statistics.median(seconds[1:]), gradients)


def without_dropout(network: nn.Module) -> nn.Module:
    """The network itself, whose dropout leaves out nothing: two forms of a step would draw other numbers."""
    for layer in network.modules():
        if isinstance(layer, (nn.Dropout, nn.Dropout2d)):
            layer.p = 0.0
    return network


def objection_to(gradients: list[Tensor], plain: list[Tensor], must_differ: bool) -> str:
    """What speaks against a form with these gradients, in the order of plain fp32's; empty where nothing does."""
    if must_differ and all(torch.equal(own, other) for own, other in zip(gradients, plain, strict=True)):
        return "it changes nothing here"
    if not all(bool(torch.isfinite(own).all()) for own in gradients):
        return "a gradient is not finite"
    least = WORTH_COMPARING * max((float(other.norm()) for other in plain), default=0.0)
    for own, other in zip(gradients, plain, strict=True):
        if max(float(own.norm()), float(other.norm())) > least:
            cosine = float(torch.nn.functional.cosine_similarity(own.flatten(), other.flatten(), dim=0))
            if cosine < LEAST_COSINE:
                return (
                    f"the gradient of a parameter of shape {tuple(own.shape)} has a cosine of {cosine:.2f} with fp32's"
                )
    return ""
