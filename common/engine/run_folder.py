"""A run's folder: resolved configuration, environment, metrics, TensorBoard events, checkpoints, results, pictures."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision

from common.config import flatten, read_yaml, write_yaml
from common.engine.checkpoint import latest_checkpoint
from common.engine.settings import FREE_TO_CHANGE
from common.errors import CheckpointError, ConfigError
from common.files import write_json, write_text


class RunFolder:
    """Paths inside ``runs/<experiment>/`` and the check that a run is continued with the settings it began with."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    def begin(self, config: Mapping[str, Any], *, force: bool = False, free: Collection[str] = FREE_TO_CHANGE) -> None:
        """Write configuration and environment, or check that the folder's run has the same configuration.

        Args:
            config: resolved nested settings.
            force: delete what is there and start again.
            free: dotted settings that may differ.

        Raises:
            ConfigError: the folder holds a run with other settings; the message names them.
        """
        if force and self.path.exists():
            shutil.rmtree(self.path)
        if self.config.exists():
            self._require_same(config, free)
        self.path.mkdir(parents=True, exist_ok=True)
        write_yaml(self.config, config)
        write_json(self.path / "environment.json", environment())

    def _require_same(self, config: Mapping[str, Any], free: Collection[str]) -> None:
        changes = describe_differences(read_yaml(self.config), config, free)
        if changes:
            raise ConfigError(
                f"{self.path} holds a run with other settings ({changes}). "
                "Give another run folder, restore the settings to continue it, or use --force to start again."
            )

    def finished_checkpoint(self, max_steps: int) -> Path:
        """The checkpoint of a finished training.

        Raises:
            CheckpointError: there is none, or the training stopped earlier.
        """
        latest = latest_checkpoint(self.checkpoints)
        if latest is None:
            raise CheckpointError(f"{self.checkpoints} has no checkpoint; run the training first")
        step = int(latest.stem.split("_")[1])
        if step < max_steps:
            raise CheckpointError(
                f"the training in {self.path} stopped at step {step} of {max_steps}; run it again to continue"
            )
        return latest


def describe_differences(old: Mapping[str, Any], new: Mapping[str, Any], free: Collection[str] = ()) -> str:
    """``"a.b: 1 -> 2"`` for every setting that differs, empty when none does."""
    before, after = flatten(old), flatten(new)
    changed = [
        f"{key}: {before.get(key, 'not set')} -> {after.get(key, 'not set')}"
        for key in sorted(before.keys() | after.keys())
        if key not in free and before.get(key) != after.get(key)
    ]
    return ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")


def environment() -> dict[str, Any]:
    """What a number may depend on besides the settings."""
    return {
        "command": sys.argv,
        "commit": git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "gpu": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
    }


def git_commit() -> str:
    """Commit of the source tree, with ``+changes`` when files differ from it; ``unknown`` outside a checkout."""
    source = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(source), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def read_records(path: Path) -> list[dict[str, Any]]:
    """Records of a ``metrics.jsonl``; the unfinished last line of a killed run is left out.

    Raises:
        ConfigError: a line other than the last is broken.
    """
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ConfigError(f"{path}, line {number} is not a record: {error}") from error
    return records


def keep_records_until(path: Path, step: int) -> None:
    """Drop the records after ``step``: a resumed run writes them again."""
    records = [record for record in read_records(path) if record["step"] <= step]
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
