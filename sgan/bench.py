"""Step time and peak memory of the training, against the published form with dense N x N masks from the loader.

The published loader hands over two float matrices of N x N per image (N = 1681 cells: 2 x 11 MB), and the network forms its
attention weights from them. Every variant runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from common.bench.steps import in_own_process, peak_gigabytes, seconds_now, time_training_steps
from common.engine.randomness import seed_everything
from common.engine.session import Session, choose_device
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from sgan.data.sample import feature_size
from sgan.losses.training import SganStep
from sgan.models.network import SGAN
from sgan.models.normalisers import EPSILON, masked_normalize
from sgan.models.vgg import SganVGG16
from sgan.settings import SganConfig
from sgan.train import optimizer

PUBLISHED = "published form"
VARIANTS: dict[str, dict[str, Any]] = {
    PUBLISHED: {},
    "linear attention": {},
    "linear, channels-last": {"channels_last": True},
    "linear, channels-last, bf16": {"channels_last": True, "precision": "bf16"},
}


@dataclass(frozen=True)
class Work:
    """What is timed."""

    device: str
    size: int
    batch: int
    width: float
    steps: int
    threads: int
    only_attention: bool = False


@dataclass(frozen=True)
class Cost:
    """Median seconds of a step, seconds to form the masks of its batch in the loader, and the most memory that network,
    batch and step needed."""

    seconds: float
    loader: float
    peak_gb: float


class PublishedForm(SGAN):
    """The network as published: it takes dense masks, n x 2 x N x N, in place of the salient cells."""

    def attend(self, features: Tensor, salient: Tensor) -> Tensor:
        query, key = self.f_query(features).flatten(2), self.f_key(features).flatten(2)
        scores = query.transpose(1, 2) @ key / query.shape[1] ** 0.5
        weights = masked_normalize(scores, salient[:, 0]) + salient[:, 1]
        context = features.flatten(2) @ weights.transpose(1, 2)
        return self.gamma * context.view_as(features) + features


def dense_masks(salient: Tensor) -> Tensor:
    """What the published loader makes of the salient cells n x h x w: n x 2 x N x N."""
    rows = salient.flatten(1).float()
    other = 1 - rows
    foreground = rows[:, :, None] * rows[:, None, :]
    background = other[:, :, None] * other[:, None, :]
    return torch.stack([foreground, background / (background.sum(1, keepdim=True) + EPSILON)], 1)


def made_up_batch(work: Work, dense: bool) -> tuple[dict[str, Any], float]:
    """Noise as images, seeds and masks, and the seconds the masks took."""
    generator = torch.Generator().manual_seed(0)
    cells = feature_size(work.size)
    salient = torch.randint(0, 2, (work.batch, cells, cells), generator=generator).to(torch.uint8)
    started = time.perf_counter()
    masks = dense_masks(salient) if dense else salient
    seconds = time.perf_counter() - started
    batch = {
        "image": torch.randn(work.batch, 3, work.size, work.size, generator=generator),
        "salient": masks,
        "tags": torch.randint(0, 2, (work.batch, 20), generator=generator).float(),
        "seed": torch.randint(0, 21, (work.batch, cells, cells), generator=generator),
    }
    return batch, seconds


def time_steps(work: Work, name: str) -> Cost:
    """Forward, backward and optimiser of the training loop, the transfer of the batch included."""
    if work.threads:
        torch.set_num_threads(work.threads)
    seed_everything(0)
    session = Session(0, 1, choose_device(work.device, 0))
    before = peak_gigabytes(session)
    network_class = PublishedForm if name == PUBLISHED else SGAN
    network = network_class(SganVGG16(work.width), 20, work.width).to(session.device).train()
    if work.only_attention:
        return time_attention(work, network, session, before, dense=name == PUBLISHED)
    engine = EngineConfig(batch_size=work.batch, **VARIANTS[name])
    if engine.channels_last:
        network.to(memory_format=torch.channels_last)
    update = optimizer(SganConfig(), network)
    batch, loader = made_up_batch(work, dense=name == PUBLISHED)
    times = time_training_steps(network, SganStep(0.15), batch, update, engine, session, work.steps)
    return Cost(times.seconds, loader, more_than(before, session))


def time_attention(work: Work, network: SGAN, session: Session, before: float, dense: bool) -> Cost:
    """Forward and gradients of the attention module alone."""
    cells = feature_size(work.size)
    batch, loader = made_up_batch(work, dense)
    features = torch.randn(work.batch, network.fc9.in_channels, cells, cells).to(session.device).requires_grad_()
    seconds = []
    for _ in range(work.steps + 1):
        started = seconds_now(session)
        fused = network.attend(features, batch["salient"].to(session.device))
        torch.autograd.grad(fused.square().sum(), [features, network.f_key.weight, network.f_query.weight])
        seconds.append(seconds_now(session) - started)
    return Cost(statistics.median(seconds[1:]), loader, more_than(before, session))


def more_than(before: float, session: Session) -> float:
    """What was added to the peak since ``before``, at least a megabyte: smaller work fits what the process held."""
    return max(peak_gigabytes(session) - before, 1e-3)


def parse(argv: Sequence[str] | None) -> Work:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--resize", type=int, default=321, help="side of the images in pixels")
    parser.add_argument("--batch", type=int, default=15, help="images of a step; the published 15 if it is left out")
    parser.add_argument("--width", type=float, default=1.0, help="factor on the channels")
    parser.add_argument("--steps", type=int, default=10 if gpu else 1, help="timed steps")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 for torch's choice")
    parser.add_argument("--attention", action="store_true", help="time the attention module alone")
    given = parser.parse_args(argv)
    if min(given.resize, given.batch, given.steps) < 1:
        raise ConfigError("--resize, --batch and --steps are at least 1")
    return Work(
        given.device, given.resize, given.batch, given.width, given.steps, given.threads, only_attention=given.attention
    )


def bench(argv: Sequence[str] | None = None) -> None:
    """Time every variant and print it beside the published form."""
    work = parse(argv)
    what = "attention module" if work.only_attention else "training step"
    print(
        f"{what}, {work.device}, {work.batch} images of {work.size} pixels, width {work.width}, median of {work.steps}"
    )
    names = list(VARIANTS)[:2] if work.only_attention else list(VARIANTS)
    published: Cost | None = None
    for name in names:
        cost = in_own_process(time_steps, work, name)
        published = published or cost
        print(
            f"{name}: {cost.seconds:.3f} s ({published.seconds / cost.seconds:.2f} times as fast), peak {cost.peak_gb:.2f} GB "
            f"({cost.peak_gb / published.peak_gb:.2f} of it), masks in the loader {1000 * cost.loader:.0f} ms",
            flush=True,
        )
