"""The stages of a chain: the commands a user could type one by one."""

from __future__ import annotations

import importlib
import shlex
import time

from common.baseline.config import BaselineConfig
from common.chain.config import ChainConfig
from common.config import parse_config
from common.errors import ToolboxError

# Where ``python -m`` finds the code of a package that is run as a command.
ENTRY_MODULES = {"common.baseline": "common.baseline.__main__"}


class StageError(ToolboxError):
    """Images of a stage failed."""

    exit_status = 1


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
    for labels in config.trainings if config.until == "report" else ():
        arguments = config.segmentation_arguments(labels, saliency_source)
        commands += [["deeplabv2.main", command, *arguments] for command in ("train", "test", "crf")]
    return commands


def run_stage(arguments: list[str]) -> None:
    """Run what ``python -m arguments`` would run, in this process: a start of its own would cost it seconds.

    Raises:
        StageError: some of its images failed; it has named them.
        ToolboxError, SystemExit: as the stage raises them (a stop signal ends it with a checkpoint).
    """
    shown = shlex.join(["python", "-m", *arguments])
    print(f"\n$ {shown}", flush=True)
    started = time.perf_counter()
    module, *rest = arguments
    status = importlib.import_module(ENTRY_MODULES.get(module, module)).main(rest)
    if status:
        raise StageError(
            f"the stage `{shown}` ended with status {status}; mend what it says, then run the chain again: it continues"
        )
    print(f"({time.perf_counter() - started:.0f} s)", flush=True)
