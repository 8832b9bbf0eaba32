"""The bench of every method: seconds and peak memory of its training step beside those of the published form of the step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from common.bench.steps import in_own_process, peak_gigabytes, time_training_steps
from common.data.layout import DatasetLayout
from common.data.sampling import SampleFailure, SampleKey
from common.engine.engine_form import without_dropout
from common.engine.randomness import seed_everything
from common.engine.session import Session, choose_device
from common.engine.train import prepare_convolutions
from common.errors import DataError, ToolboxError
from common.method.registry import find_method
from common.method.settings import with_values, without_initial_weights
from common.method.steps import Batch, Form, StepBench
from common.method.training import Training

# What of the engine each row of the table switches on; the first is the published form.
PUBLISHED = "published form"
ROWS: dict[str, dict[str, Any]] = {
    PUBLISHED: {"engine.channels_last": False, "engine.winograd": False, "engine.precision": "fp32"},
    "this step": {"engine.channels_last": False, "engine.winograd": False, "engine.precision": "fp32"},
    "channels-last": {"engine.channels_last": True, "engine.winograd": False, "engine.precision": "fp32"},
    "channels-last, Winograd": {"engine.channels_last": True, "engine.winograd": True, "engine.precision": "fp32"},
    "channels-last, bf16": {"engine.channels_last": True, "engine.winograd": False, "engine.precision": "bf16"},
}
# Relative difference of the first losses that rounding explains (bf16: two decimal digits).
SAME = {"fp32": 1e-3, "bf16": 5e-2}


class Cost(NamedTuple):
    """Median seconds of a step, gigabytes it needed, and the loss of the first step."""

    seconds: float
    peak: float
    loss: float


def bench_method(name: str, settings: Any) -> None:
    """Time ``engine.max_steps`` steps of every row, each in a process of its own, and print them beside the first.

    Raises:
        ToolboxError: the two forms of the step give different losses.
    """
    print(f"{name}: training step, {settings.engine.device}, batch {settings.engine.batch_size}", flush=True)
    first: Cost | None = None
    for row, values in ROWS.items():
        cost = in_own_process(cost_of, name, with_values(settings, values), published=row == PUBLISHED)
        first = first or cost
        if abs(cost.loss - first.loss) > SAME[values["engine.precision"]] * abs(first.loss):
            raise ToolboxError(f"{row}: the first loss is {cost.loss}, that of the {PUBLISHED} {first.loss}")
        print(
            f"{row}: {cost.seconds:.3f} s ({first.seconds / cost.seconds:.2f} times as fast), peak {cost.peak:.2f} GB "
            f"({cost.peak / first.peak:.2f} of it)",
            flush=True,
        )


def cost_of(name: str, settings: Any, published: bool) -> Cost:
    """Time one form of the step of the method's first training; peak memory is what network, batch and steps added."""
    method = find_method(name)
    training, bench = method.trainings[0], method.bench or StepBench()
    session = Session(0, 1, choose_device(settings.engine.device, 0))
    before = peak_gigabytes(session)
    seed_everything(settings.engine.seed)
    settings = without_initial_weights(settings)
    layout = training.layout(settings) if bench.batch is None else made_up_layout(bench.n_classes)
    network = without_dropout(training.network(settings, layout)).to(session.device).train()
    batch = first_batch(training, settings, layout) if bench.batch is None else bench.batch(settings, bench.n_classes)
    optimizer = training.optimizer(settings, network)
    form = Form(network, training.step(settings, network), batch)
    if published:
        form = bench.published(form)
    else:
        training.prepare(settings, network)
    prepare_convolutions(form.network, settings.engine)
    times = time_training_steps(*form, optimizer, settings.engine, session, settings.engine.max_steps)
    return Cost(times.seconds, max(peak_gigabytes(session) - before, 1e-3), times.first_loss)


def first_batch(training: Training, settings: Any, layout: DatasetLayout) -> Batch:
    """The first images of the training's list."""
    data = training.data(settings, layout)
    samples = [data[SampleKey(0, index)] for index in range(min(settings.engine.batch_size, len(data)))]
    for sample in samples:
        if isinstance(sample, SampleFailure):
            raise DataError(sample.message)
    batch: Batch = training.collate(settings)(samples)
    return batch


def made_up_layout(n_classes: int) -> DatasetLayout:
    """A dataset of which nothing but the number of classes is asked."""
    nowhere = Path("nowhere")
    classes = tuple(f"class {number}" for number in range(n_classes))
    return DatasetLayout("folder", nowhere, classes, nowhere, nowhere, nowhere, None, {})
