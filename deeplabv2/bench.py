"""``python deeplabv2/main.py bench``: what each switch of the training step costs or saves, in time and memory.

Every variant runs in a process of its own on the same made-up batch, and is compared with the plain fp32 step of the same run.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from common.bench.steps import in_own_process, peak_gigabytes, time_training_steps
from common.bounds import LONGEST_SIDE, MOST_IMAGES, MOST_PROCESSES, add_number
from common.engine.precision import autocast
from common.engine.randomness import seed_everything
from common.engine.session import Session, choose_device, seconds_now
from common.engine.settings import EngineConfig
from common.engine.train import prepare_convolutions
from common.errors import ConfigError
from common.method.settings import with_values
from common.models.fold import fold_batchnorm
from common.system_errors import shortened
from deeplabv2.networks.registry import starting_network
from deeplabv2.networks.settings import NetworkConfig
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import build_step, fold, group_optimizer

PLAIN = "plain fp32"
# On a GPU: convolutions and products of float32 in 10 bits. No setting of a training, which leaves torch its own choice.
TF32 = "TF32"
FOLDED = "network.fold_batchnorm"
# Settings that differ from those of the plain step.
SWITCHES: Mapping[str, Mapping[str, Any]] = {
    PLAIN: {},
    TF32: {TF32: True},
    "channels-last": {"engine.channels_last": True},
    "frozen BatchNorm folded": {FOLDED: True},
    "channels-last, Winograd": {"engine.channels_last": True, "engine.winograd": True},
    "channels-last, folded, Winograd": {"engine.channels_last": True, FOLDED: True, "engine.winograd": True},
    "bf16": {"engine.precision": "bf16"},
    "compile": {"engine.compile": True},
    "channels-last, folded, bf16": {"engine.channels_last": True, FOLDED: True, "engine.precision": "bf16"},
    "all": {"engine.channels_last": True, FOLDED: True, "engine.precision": "bf16", "engine.compile": True},
}
# The published network needs 11.2 GB at crop 321 and batch 5 (deeplabv2 spec, section 1).
PUBLISHED_GB = 11.2


class TimedWork(NamedTuple):
    """``steps`` steps of a network on ``batch`` images of ``crop`` x ``crop`` pixels; threads 0: torch's choice."""

    network: str
    device: str
    crop: int
    batch: int
    steps: int
    threads: int


class Measured(NamedTuple):
    """Median seconds of one step (or of one test image), peak memory in GB, and the first step's loss."""

    seconds: float
    peak_gb: float
    loss: float


def training_config(work: TimedWork, switches: Mapping[str, Any]) -> DeepLabConfig:
    """The published training of 21 labels with ``switches``."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = TF32 in switches
    switches = {name: value for name, value in switches.items() if name != TF32}
    config = DeepLabConfig(
        network=NetworkConfig(work.network), engine=EngineConfig(batch_size=work.batch, device=work.device)
    )
    return with_values(config, switches)


def made_up_images(work: TimedWork) -> dict[str, Any]:
    """Noise as images and as labels: the time of a step does not depend on what is to be seen."""
    generator = torch.Generator().manual_seed(0)
    size = (work.batch, work.crop, work.crop)
    images = torch.randn(work.batch, 3, work.crop, work.crop, generator=generator) * 50
    return {"image": images, "mask": torch.randint(0, 21, size, generator=generator)}


def begin(work: TimedWork) -> Session:
    if work.threads:
        torch.set_num_threads(work.threads)
    seed_everything(0)
    return Session(0, 1, choose_device(work.device, 0))


def time_training(work: TimedWork, switches: Mapping[str, Any]) -> Measured:
    """Time forward, backward and optimiser of the training loop."""
    session = begin(work)
    config = training_config(work, switches)
    network = starting_network(config.network).to(session.device).train()
    update = group_optimizer(config, network)
    fold(config, network)
    prepare_convolutions(network, config.engine)
    step, batch = build_step(config, network), made_up_images(work)
    times = time_training_steps(network, step, batch, update, config.engine, session, work.steps)
    return Measured(times.seconds, peak_gigabytes(session), times.first_loss)


def time_test(work: TimedWork, switches: Mapping[str, Any]) -> Measured:
    """Time the network's eval forward on whole images of ``crop`` pixels, one at a time as VOC sizes demand."""
    session = begin(work)
    config = training_config(work, switches)
    network = fold_batchnorm(starting_network(config.network)).to(session.device)
    image = made_up_images(work._replace(batch=1))["image"].to(session.device)
    if config.engine.channels_last:
        network.to(memory_format=torch.channels_last)
        image = image.contiguous(memory_format=torch.channels_last)
    seconds = []
    with torch.inference_mode(), autocast(config.engine.precision, session.device):
        for _ in range(work.steps + 1):
            started = seconds_now(session)
            network(image)
            seconds.append(seconds_now(session) - started)
    return Measured(statistics.median(seconds[1:]), peak_gigabytes(session), 0.0)


def main(argv: Sequence[str] | None = None) -> int:
    work, names, test = parse_work(argv)
    print(f"{work.network}, {work.device}, crop {work.crop}, batch {work.batch}, median of {work.steps} steps")
    run_variants("training step", time_training, work, names)
    if work.crop == 321 and work.batch == 5:
        print(f"published: {PUBLISHED_GB} GB for this step on one GPU (the CPU figures hold the whole process)")
    if test:
        run_variants("test image", time_test, work, [PLAIN, "channels-last", "bf16"])
    return 0


def parse_work(argv: Sequence[str] | None) -> tuple[TimedWork, list[str], bool]:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(prog="main.py bench", description=__doc__)
    parser.add_argument("--network", default="DeepLabV2_ResNet101_MSC", help="network.name")
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    add_number(parser, "--crop", 321 if gpu else 161, "side in pixels", least=1, most=LONGEST_SIDE)
    add_number(parser, "--batch", 5 if gpu else 1, "images of a step", least=1, most=MOST_IMAGES)
    add_number(parser, "--steps", 10 if gpu else 2, "timed steps", least=1)
    add_number(parser, "--threads", 0, "CPU threads; 0 for torch's choice", least=0, most=MOST_PROCESSES)
    parser.add_argument("--only", nargs="+", metavar="SWITCH", help=f"some of: {'; '.join(SWITCHES)}")
    parser.add_argument("--no-test", action="store_true", help="leave out the time of test images")
    arguments = parser.parse_args(argv)
    possible = [name for name in SWITCHES if name != TF32 or arguments.device != "cpu"]
    names = [PLAIN, *(name for name in arguments.only or possible if name != PLAIN)]
    unknown = [name for name in names if name not in SWITCHES]
    if unknown:
        raise ConfigError(f"there is no switch {', '.join(unknown)}; switches are {'; '.join(SWITCHES)}")
    work = TimedWork(*(getattr(arguments, name) for name in TimedWork._fields))
    return work, names, not arguments.no_test


def run_variants(title: str, timed: Any, work: TimedWork, names: Sequence[str]) -> None:
    """Run each variant in a fresh process and print it beside the plain one."""
    plain: Measured | None = None
    for name in names:
        try:
            measured: Measured = in_own_process(timed, work, SWITCHES[name])
        except Exception as error:
            # A switch that needs more than the machine has (a compiler, memory) does not keep the others from being measured.
            if name == PLAIN:
                raise
            print(f"{title}, {name}: failed, {shortened(' '.join(str(error).split()))}", flush=True)
            continue
        plain = plain or measured
        print(
            f"{title}, {name}: {measured.seconds:.3f} s ({plain.seconds / measured.seconds:.2f} times as fast as {PLAIN}), "
            f"peak {measured.peak_gb:.2f} GB ({measured.peak_gb / plain.peak_gb:.2f} of it)",
            flush=True,
        )
