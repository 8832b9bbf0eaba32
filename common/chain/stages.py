"""The stages of a chain, each one a command in its own process."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import time
from types import FrameType

from common.baseline.config import BaselineConfig
from common.chain.config import ChainConfig
from common.config import parse_config
from common.errors import ToolboxError


class StageError(ToolboxError):
    """A stage ended with an error, which it has printed itself."""

    def __init__(self, command: str, status: int) -> None:
        super().__init__(
            f"the stage `{command}` ended with status {status}; mend what it says, then run the chain again: it continues"
        )
        # A stage that was stopped (143) makes the chain end the same way.
        self.exit_status = status if status > 0 else 128 - status


def baseline_config(config: ChainConfig) -> BaselineConfig:
    """The baseline settings that the stages of this chain will see."""
    return parse_config(BaselineConfig, config.baseline_arguments(), program="chain")


def chain_commands(config: ChainConfig) -> list[list[str]]:
    """Arguments of ``python -m`` for every stage, in order."""
    baseline = config.baseline_arguments()
    saliency_source = baseline_config(config).labels.saliency_source
    commands = [["common.baseline", stage, *baseline] for stage in ("train", "cam")]
    for background in ("constant", "saliency"):
        for crf in ("none", "label") if config.label_crf else ("none",):
            kind = ["--labels.background", background, "--labels.crf", crf]
            commands += [["common.baseline", stage, *baseline, *kind] for stage in ("label", "score")]
    for labels in config.trainings:
        arguments = config.segmentation_arguments(labels, saliency_source)
        commands += [["deeplabv2.main", command, *arguments] for command in ("train", "test", "crf")]
    return commands


def run_stage(arguments: list[str]) -> None:
    """Run ``python -m arguments`` and pass stop signals on to it.

    Raises:
        StageError: it ended with another status than 0.
    """
    shown = shlex.join(["python", "-m", *arguments])
    print(f"\n$ {shown}", flush=True)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *arguments])

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(number)

    previous = signal.signal(signal.SIGTERM, pass_on)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        # The terminal has sent the interrupt to the stage too; it writes its checkpoint and ends.
        status = process.wait()
    finally:
        signal.signal(signal.SIGTERM, previous)
    if status != 0:
        raise StageError(shown, status)
    print(f"({time.perf_counter() - started:.0f} s)", flush=True)
