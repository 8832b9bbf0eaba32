"""Settings of the training loop, the same for every command that trains."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from common.bounds import (
    LARGEST_SEED,
    MOST_IMAGES,
    MOST_PROCESSES,
    bounded,
    bounded_scales,
    bounded_side,
    needed_text,
    require_bounds,
)


@dataclass
class EngineConfig:
    """How a training runs.

    Args:
        max_steps: optimiser steps of the whole training; schedules end here.
        stop_at: stop early after this step with a checkpoint, schedules unchanged; 0 means never.
        batch_size: images of one forward and backward pass, summed over all processes.
        accumulate: passes per optimiser step; the step sees batch_size * accumulate images.
        last_batch: whether the smaller batch at the end of an epoch is kept or dropped.
        shuffle: whether every epoch has an order of its own; false takes the images in the order of the list.
        seed: decides initial weights, order, augmentation and dropout.
        device: auto, cpu, cuda or cuda:N. With torchrun, auto and cuda take one GPU per process.
        precision: fp32, bf16 or fp16 (with loss scaling) autocast; auto measures fp32 (with winograd, too) and bf16 in both memory
            layouts at the start of the training, takes the fastest and records it (the gradients must agree); a trained network is then applied in fp32.
        channels_last: memory layout that is faster for most convolutions.
        winograd: wide 3x3 convolutions with fewer multiplications where that is faster, in fp32 on the CPU alone and without
            compile; results differ by rounding, about 1e-5 of the largest value. Best with channels_last.
        compile: torch.compile the network; pays when crop size and batch size are constant.
        sync_batchnorm: share BatchNorm statistics between processes (GPU only).
        clip_grad_norm: upper bound of the gradient's norm; 0 means no clipping.
        clip_grad_value: upper bound of each of its elements; 0 means none.
        workers: processes that load images.
        processes: processes that finish outputs (CRF, writing of files); 0 for one per core.
        log_every: steps between log lines.
        save_every: steps between checkpoints.
        keep_last: how many checkpoints to keep.
    """

    max_steps: int = bounded(20000, least=1)
    stop_at: int = bounded(0, least=0)
    batch_size: int = bounded(16, least=1, most=MOST_IMAGES)
    accumulate: int = bounded(1, least=1, most=MOST_IMAGES)
    last_batch: Literal["keep", "drop"] = "keep"
    shuffle: bool = True
    seed: int = bounded(0, least=0, most=LARGEST_SEED)
    device: str = needed_text("auto")
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    channels_last: bool = False
    winograd: bool = False
    compile: bool = False
    sync_batchnorm: bool = False
    clip_grad_norm: float = bounded(0.0, least=0)
    clip_grad_value: float = bounded(0.0, least=0)
    workers: int = bounded(2, least=0, most=MOST_PROCESSES)
    processes: int = bounded(0, least=0, most=MOST_PROCESSES)
    log_every: int = bounded(50, least=1)
    save_every: int = bounded(1000, least=1)
    keep_last: int = bounded(2, least=1)

    def __post_init__(self) -> None:
        require_bounds(self, "engine")

    @property
    def known_precision(self) -> Literal["fp32", "bf16", "fp16"]:
        """The precision where nothing is measured: fp32 in the place of auto."""
        return "fp32" if self.precision == "auto" else self.precision

    @property
    def end_step(self) -> int:
        """The step after which this run stops."""
        return min(self.stop_at, self.max_steps) if self.stop_at else self.max_steps

    def steps_per_epoch(self, n_images: int) -> int:
        """Optimiser steps of one pass over a list, for recipes in epochs."""
        images = self.batch_size * self.accumulate
        return max(1, n_images // images) if self.last_batch == "drop" else -(-n_images // images)

    def over_epochs(self, epochs: int, n_images: int) -> EngineConfig:
        """The same with so many passes over a list as its steps, at most ``max_steps``."""
        return dataclasses.replace(self, max_steps=min(epochs * self.steps_per_epoch(n_images), self.max_steps))

    def beside(self, shared: EngineConfig) -> EngineConfig:
        """The same for a training with an engine section of its own: seed, device, workers and, unless it has its own, the step to
        stop at are those of the whole run, and so is precision auto."""
        return dataclasses.replace(
            self,
            seed=shared.seed,
            device=shared.device,
            workers=shared.workers,
            stop_at=self.stop_at or shared.stop_at,
            precision="auto" if shared.precision == "auto" else self.precision,
        )


@dataclass
class EpochConfig:
    """A training of so many passes over its list.

    Args:
        epochs: passes over the list.
        decay_epochs: epochs (0-based) at whose start the rate is multiplied by ``schedule.gamma``.
    """

    epochs: int = bounded(10, least=0)
    decay_epochs: list[int] = bounded([5], least=0)

    def __post_init__(self) -> None:
        require_bounds(self)


@dataclass
class PassConfig:
    """How a trained network is applied to whole images.

    Args:
        long_side: longer side of the image at scale 1, in pixels; 0 keeps the image's own size.
        scales: factors of that size.
        flip: average with the mirror image.
        batch_size: images loaded for one call; those of equal size pass the network together.
    """

    long_side: int = bounded_side(0, 0)
    scales: list[float] = bounded_scales([1.0], 1)
    flip: bool = False
    batch_size: int = bounded(1, least=1, most=MOST_IMAGES)


# Settings that may change between an interrupted run and its continuation without changing what is computed.
FREE_TO_CHANGE = frozenset(
    f"engine.{name}"
    for name in ("stop_at", "device", "workers", "processes", "log_every", "save_every", "keep_last", "compile")
)
