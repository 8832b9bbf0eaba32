"""A training that takes a second, with everything random that a real one has; as a script, one to kill.

``python -m tests.common.engine.tiny_training RUN_FOLDER '{"stop_at": 5}' '{"kill_at": 3}'``: settings of the engine, and the
trouble that happens on the way.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from common.data.sampling import Sample, SeededDataset
from common.data.transforms import ColorJitter, Compose, RandomCrop, RandomFlip, ToTensors
from common.engine.checkpoint import checkpoint_path, load_checkpoint
from common.engine.losses import Mean
from common.engine.metric_file import read_metrics
from common.engine.optimizer import GroupRule, OptimizerConfig, build_optimizer, parameter_groups
from common.engine.randomness import seed_everything
from common.engine.run_folder import RunFolder
from common.engine.schedules import poly, warmup
from common.engine.session import Session, start_session
from common.engine.settings import EngineConfig
from common.engine.stop_signal import StopSignal
from common.engine.train import train
from common.errors import DataError, run_command
from tests.common.data.whole_images import PadToSize, RandomScale

N_IMAGES = 10
ENGINE = EngineConfig(max_steps=8, batch_size=4, device="cpu", workers=0, log_every=3, save_every=2, keep_last=100)
ONE_PROCESS = Session(0, 1, torch.device("cpu"))
RATE = 0.05
IGNORED = 255


class TinySamples:
    """Images of 16 x 20 pixels whose masks ignore more of the image the higher its number is."""

    def __init__(self, unreadable: int = -1) -> None:
        self.unreadable = unreadable

    def __len__(self) -> int:
        return N_IMAGES

    def __getitem__(self, index: int, /) -> Sample:
        if index == self.unreadable:
            raise DataError(f"image{index} is broken")
        rng = np.random.default_rng(index)
        image = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
        mask = (image[..., 0] > 127).astype(np.uint8)
        mask[: 1 + index] = IGNORED
        return {"id": f"image{index}", "image": image, "mask": mask, "tags": np.float32([index % 2])}


def to_tensors(sample: Sample, rng: random.Random) -> Sample:
    return ToTensors()(sample, rng)


AUGMENTATION = Compose(
    [
        RandomScale([0.8, 1.0, 1.2]),
        PadToSize(12, (0, 0, 0)),
        RandomCrop(12),
        RandomFlip(),
        ColorJitter(0.3),
        ToTensors(),
    ]
)


class TinyNetwork(nn.Module):
    """Logits N x 2 x H x W; ``noisy`` adds BatchNorm and dropout."""

    def __init__(self, noisy: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6) if noisy else nn.Identity(), nn.ReLU()
        )
        self.dropout = nn.Dropout(0.3 if noisy else 0.0)
        self.head = nn.Conv2d(6, 2, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.body(images)))


@dataclasses.dataclass
class Trouble:
    """What goes wrong: numbers count the calls of the step function in this process, from 1; 0 is never."""

    kill_at: int = 0
    terminate_at: int = 0
    terminate: str = "self"
    nan_at: int = 0
    infinite_gradient_at: int = 0
    rank: int = 0
    unreadable: int = -1


class TinyStep:
    """A pixel loss as sum and count, and a loss that is a mean over images."""

    def __init__(self, trouble: Trouble, rank: int, pixels: bool) -> None:
        self.trouble = trouble if trouble.rank == rank else Trouble()
        self.pixels = pixels
        self.calls = 0
        self.images: list[str] = []
        self.progress: list[float] = []
        self.logit_types: set[torch.dtype] = set()

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> dict[str, torch.Tensor | Mean]:
        self.calls += 1
        self.images += batch["id"]
        self.progress.append(batch["progress"])
        if self.calls == self.trouble.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.calls == self.trouble.terminate_at:
            terminate(self.trouble.terminate)
        logits = network(batch["image"])
        self.logit_types.add(logits.dtype)
        total = functional.cross_entropy(logits, batch["mask"], ignore_index=IGNORED, reduction="sum")
        tags = functional.binary_cross_entropy_with_logits(logits.mean((2, 3))[:, :1], batch["tags"])
        if self.calls == self.trouble.nan_at:
            tags = tags * float("nan")
        if self.calls == self.trouble.infinite_gradient_at:
            tags = tags + torch.sqrt((logits * 0).sum())
        pixels = {"pixels": Mean(total, (batch["mask"] != IGNORED).sum())} if self.pixels else {}
        return {**pixels, "tags": tags}


def terminate(whom: str) -> None:
    """Send SIGTERM to this process, to its whole group (workers too) and to it once more, or to what started it."""
    if whom == "group":
        # From outside, as workers take a signal of their parent for another one; then from a launcher that passes it on.
        for target in (-os.getpgrp(), os.getpid()):
            subprocess.run(["kill", "-TERM", "--", str(target)], start_new_session=True, check=True)
    elif whom == "parent":
        os.kill(os.getppid(), signal.SIGTERM)
        # Until it has come back: a received signal gives the interrupt its usual effect again.
        while isinstance(getattr(signal.getsignal(signal.SIGINT), "__self__", None), StopSignal):
            time.sleep(0.01)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def run_tiny(
    folder: Path,
    session: Session = ONE_PROCESS,
    *,
    noisy: bool = True,
    pixels: bool = True,
    trouble: Trouble | None = None,
    **engine: Any,
) -> TinyStep:
    """Train in ``folder`` with :data:`ENGINE`'s settings, changed by ``engine``; returns the step function.

    Args:
        noisy: with augmentation, BatchNorm and dropout, all of which depend on how a batch is divided.
        pixels: with the pixel loss, whose mean weights batches by their valid pixels.
    """
    config = dataclasses.replace(ENGINE, **engine)
    run, settings = RunFolder(folder), {"engine": dataclasses.asdict(config)}
    trouble = trouble or Trouble()
    session.on_main(lambda: run.begin(settings))
    seed_everything(config.seed)
    model = TinyNetwork(noisy)
    rules = [GroupRule("head", r"^head\.", 10.0), GroupRule("body", "")]
    optimizer = build_optimizer(OptimizerConfig(momentum=0.9), parameter_groups(model, rules, RATE, 1e-3))
    step = TinyStep(trouble, session.rank, pixels)
    dataset = SeededDataset(TinySamples(trouble.unreadable), AUGMENTATION if noisy else to_tensors, config.seed)
    train(model, step, dataset, optimizer, warmup(poly(config.max_steps), 2), config, run, session, settings)
    return step


def final_bytes(folder: Path, step: int = ENGINE.max_steps) -> bytes:
    return checkpoint_path(RunFolder(folder).checkpoints, step).read_bytes()


def final_weights(folder: Path, step: int = ENGINE.max_steps) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_checkpoint(checkpoint_path(RunFolder(folder).checkpoints, step))["model"]
    return weights


def logged(folder: Path) -> list[dict[str, Any]]:
    """The log without what depends on the clock."""
    clock = ("time", "images_per_second")
    return [
        {key: value for key, value in record.items() if key not in clock}
        for record in read_metrics(RunFolder(folder).metrics)
    ]


def main() -> None:
    torch.set_num_threads(1)
    folder, engine, trouble = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
    with start_session("cpu") as session:
        run_tiny(folder, session, trouble=Trouble(**trouble), **engine)


if __name__ == "__main__":
    run_command(main)
