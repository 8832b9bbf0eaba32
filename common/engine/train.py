"""The training loop. Nothing else in the repository calls ``backward``.

step function -> losses -> accumulation -> backward -> finite check on all processes -> optimiser -> schedule by step
number -> log -> checkpoint. A method hands over its network, its data and a step function ``(model, batch) -> losses``.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import default_collate

from common.data.sampling import SeededDataset
from common.engine.loading import Collate, dead_workers_named, move_batch, step_batches
from common.engine.losses import PROGRESS, StepFunction, as_means
from common.engine.metric_log import MetricLog
from common.engine.optimizer import set_learning_rates
from common.engine.precision import autocast, gradient_scaler
from common.engine.randomness import seed_everything
from common.engine.run_folder import RunFolder
from common.engine.schedules import Schedule
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.engine.state import TrainingState
from common.engine.stop_signal import StopSignal
from common.errors import DataError, NonFiniteError
from common.models.dilated_depthwise import repair_dilated_depthwise


def train(
    model: nn.Module,
    step_function: StepFunction,
    dataset: SeededDataset,
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    config: EngineConfig,
    run: RunFolder,
    session: Session,
    settings: Mapping[str, Any],
    collate: Collate = default_collate,
) -> None:
    """Train ``model`` in place until ``config.end_step``, continuing from the run folder's newest checkpoint.

    Args:
        model: trained in place; in a distributed run each process holds a copy.
        step_function: ``(model, batch) -> {name: loss}``; all losses are summed. See :mod:`common.engine.losses`. The batch also
            holds ``progress``, the share (0 up to, not including, 1) of all steps that are done.
        dataset: yields samples by (epoch, index).
        optimizer: built over the model's parameters (:func:`common.engine.optimizer.parameter_groups`).
        schedule: step -> factor of the initial learning rates.
        run: receives metrics, TensorBoard events and checkpoints.
        settings: the resolved configuration, stored in every checkpoint.

    Raises:
        NonFiniteError: a loss or the gradient became NaN or infinite in any process.
        DataError: a sample cannot be read; everything up to the last complete step is saved first. Also a killed worker
            process, which may strike in the middle of a step.
        DiskFullError: a checkpoint or the log cannot be written; the checkpoints before are intact.
        SystemExit: after SIGTERM (143) or SIGINT (130), with a checkpoint.
    """
    model.to(session.device)
    prepare_convolutions(model, config)
    scaler = gradient_scaler(config.precision, session.device)
    state = TrainingState.restore(run, model, optimizer, scaler, config, session, settings)
    if state.step >= config.end_step:
        return
    network = wrap(model, config, session).train()
    images_per_step = config.batch_size * config.accumulate
    log = session.on_main(lambda: MetricLog(run, state.history, state.step, config.end_step, images_per_step))
    steps = step_batches(dataset, config, session, state.step, collate)
    with dead_workers_named("training"), StopSignal() as stop, contextlib.closing(steps):
        try:
            for batches in steps:
                seed_everything(config.seed, state.step, session.rank)
                rates = set_learning_rates(optimizer, schedule(state.step))
                batches = [{**batch, PROGRESS: state.step / config.max_steps} for batch in batches]
                values, bad_process = accumulate_gradients(
                    network, step_function, batches, optimizer, scaler, config, session
                )
                update_parameters(model, optimizer, scaler, config, values, bad_process, batches, state, session)
                state.finish_step(values)
                stopped = session.any(bool(stop.received))
                at_end = state.step == config.end_step
                if log:
                    log.advance()
                # Not at a step where this run merely stops: the log must not depend on where it was interrupted.
                if state.step % config.log_every == 0 or state.step == config.max_steps:
                    write_record(log, state, rates)
                if stopped or at_end or state.step % config.save_every == 0:
                    state.save()
                if stopped:
                    if session.is_main:
                        print(
                            f"stopped after step {state.step}; run the same command again to continue", file=sys.stderr
                        )
                    sys.exit(stop.exit_status if stop.received else 143)
        except DataError:
            state.save()
            raise
        finally:
            if log:
                log.close()
    stop.pass_on()


def write_record(log: MetricLog | None, state: TrainingState, rates: dict[str, float]) -> None:
    """Log the mean losses since the last record (main process)."""
    means = state.take_means()
    state.session.on_main(lambda: log.record(state.step, means, rates) if log else None)


def prepare_convolutions(model: nn.Module, config: EngineConfig) -> None:
    """Memory layout and algorithms of the convolutions, in place; once a method has folded what it folds."""
    repair_dilated_depthwise(model)
    if config.channels_last:
        model.to(memory_format=torch.channels_last)
    if config.winograd:
        # On request: it loads a compiler.
        from common.models.winograd import train_with_winograd

        train_with_winograd(model)


def wrap(model: nn.Module, config: EngineConfig, session: Session) -> nn.Module:
    """The model as the loop calls it: shared BatchNorm statistics, distributed gradients, compiled."""
    network = model
    if session.is_distributed:
        if config.sync_batchnorm:
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        device_ids = [session.device.index] if session.device.type == "cuda" else None
        network = DistributedDataParallel(network, device_ids=device_ids)
    return torch.compile(network) if config.compile else network  # type: ignore[return-value]


def accumulate_gradients(
    network: nn.Module,
    step_function: StepFunction,
    batches: list[dict[str, Any]],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    config: EngineConfig,
    session: Session,
) -> tuple[dict[str, float], bool]:
    """Forward and backward over the batches of one step.

    Returns:
        The losses as means over all processes and batches (a term without a single valid element counts 0), and
        whether this process met a non-finite loss.
    """
    optimizer.zero_grad(set_to_none=True)
    sums: dict[str, torch.Tensor] = {}
    for number, batch in enumerate(batches):
        batch = move_batch(batch, session.device, config.channels_last)
        n_images = len(next(iter(batch.values())))
        last = number == len(batches) - 1
        # Gradients are exchanged once per step, with its last batch.
        exchange = contextlib.nullcontext() if last or not session.is_distributed else network.no_sync()  # type: ignore[operator]
        with exchange:
            with autocast(config.precision, session.device):
                losses = as_means(step_function(network, batch), n_images)
            counts = session.sum(
                torch.stack(
                    [torch.as_tensor(loss.count, dtype=torch.float64).to(session.device) for loss in losses.values()]
                )
            )
            divisors = torch.where(counts > 0, counts, torch.ones_like(counts)).float()
            means = [loss.total.float() / divisor for loss, divisor in zip(losses.values(), divisors, strict=True)]
            # The processes' gradients are averaged: the factor turns that into the sum which `means` calls for.
            total = torch.stack(means).sum() * (session.world_size / len(batches))
            scaler.scale(total).backward()
        for name, mean in zip(losses, means, strict=True):
            sums[name] = sums.get(name, torch.zeros((), device=session.device)) + mean.detach() / len(batches)
    local = torch.stack(list(sums.values())).double()
    values = session.sum(local).tolist()
    return dict(zip(sums, values, strict=True)), not bool(torch.isfinite(local).all())


def update_parameters(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    config: EngineConfig,
    values: dict[str, float],
    bad_process: bool,
    batches: list[dict[str, Any]],
    state: TrainingState,
    session: Session,
) -> None:
    """Check that losses and gradients are finite, clip, and let the optimiser step.

    Raises:
        NonFiniteError: with the losses and the images of the process that met it.
    """
    scaler.unscale_(optimizer)
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    finite = all(math.isfinite(value) for value in values.values())
    # With loss scaling an infinite gradient is routine: the scaler skips the step and lowers its scale.
    if not finite or (not scaler.is_enabled() and not bool(torch.isfinite(norm))):
        images = ", ".join(str(name) for batch in batches for name in batch.get("id", []))
        where = f"process {session.rank}" if bad_process or finite else "another process"
        losses = ", ".join(f"{name} {value}" for name, value in values.items())
        raise NonFiniteError(
            f"not finite at step {state.step + 1} in {where}: {losses}, gradient norm {norm.item()}; images of this process: "
            f"{images}. {state.last_saved()} Lower optimizer.lr, set engine.clip_grad_norm, or use precision fp32."
        )
    if config.clip_grad_norm:
        nn.utils.clip_grads_with_norm_(model.parameters(), config.clip_grad_norm, norm)
    if config.clip_grad_value:
        nn.utils.clip_grad_value_(model.parameters(), config.clip_grad_value)
    scaler.step(optimizer)
    scaler.update()
