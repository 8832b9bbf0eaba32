"""The method's settings for some photographs, and where their saliency maps are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from common.method.calls import working_in
from common.method.command import command_of, settings_of
from common.method.method import Method
from common.method.registry import config_for
from common.own.chain import as_flags, threshold_flags
from common.own.plan import Plan

# Name of the methods' configurations for photographs.
FOLDER = "folder"
# In the output folder: what the method makes.
RUN = "run"


def folder_of_saliency(arguments: argparse.Namespace, folder: Path, out: Path) -> Path | None:
    """Where the saliency maps are or will be; None for none."""
    if arguments.network:
        place = out / "saliency"
        place.mkdir(parents=True, exist_ok=True)
        return place
    if arguments.saliency:
        if not arguments.saliency.is_dir():
            raise ConfigError(f"--saliency {arguments.saliency} is no folder; correct it")
        return Path(arguments.saliency)
    beside = [folder / name for name in ("saliency", "Sal")]
    return next((place for place in beside if place.is_dir()), None)


def settings_for(method: Method, arguments: argparse.Namespace, out: Path, plan: Plan, flags: Sequence[str]) -> Any:
    """The method's settings for these photographs."""
    source = "a given folder of maps" if not arguments.network else f"the saliency network {arguments.network.name}"
    given = ["-c", str(config_for(method, FOLDER)), "--out", str((out / RUN).absolute())]
    given += ["--root", str((out / "dataset").absolute())]
    given += ["--seed", str(arguments.seed), "--device", arguments.device, "--workers", str(arguments.workers)]
    given += ["--weights", arguments.weights, "--report.saliency_source", source, *threshold_flags(method)]
    given += ["--force"] if arguments.force else []
    command = command_of(method, "")
    # Configurations of methods are read from their own folder; paths here begin where the user is.
    with working_in(Path.cwd()):
        values = method.photographs(settings_of("wsss own", command, given), plan.amount)
        steps = {
            "chain.segmentation_steps": plan.segmentation_steps,
            "chain.classifier_steps": plan.classifier_steps,
        }
        return settings_of("wsss own", command, [*given, *as_flags({**values, **steps}), *flags])
