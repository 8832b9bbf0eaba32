"""``python -m common.chain -c CONFIG --root DATASET [flags]``: the whole chain on one dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from common.chain.config import ChainConfig, find_config
from common.chain.stages import chain_commands, run_stage
from common.chain.summary import summarise
from common.config import parse_config
from common.errors import ConfigError, run_command


def main(argv: Sequence[str] | None = None) -> None:
    config = parse_config(ChainConfig, argv, program="common.chain", shortcuts={})
    run_chain(config)
    if config.until == "report":
        summarise(config, [Path(config.out)])


def run_chain(config: ChainConfig) -> None:
    """All stages; those already complete only say so.

    Raises:
        ConfigError: torchrun started several processes; only single stages share their work.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("the chain runs in one process; start its stages one by one with torchrun, as it prints them")
    find_config("deeplabv2", config.segmentation)
    for arguments in chain_commands(config):
        run_stage(arguments)


if __name__ == "__main__":
    run_command(main)
