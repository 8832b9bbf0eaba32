"""A run's folder: resolved configuration, environment, metrics, TensorBoard events, checkpoints, results, pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.config import write_yaml
from common.config_files import flatten, read_yaml
from common.engine.checkpoint import checkpoint_step, latest_checkpoint
from common.engine.clear import clear_run, is_run
from common.engine.contents import (
    ALWAYS_COMPARED,
    INPUTS_FILE,
    WEIGHT_SUFFIXES,
    contents_of_settings,
    recorded_contents,
)
from common.engine.settings import FREE_TO_CHANGE
from common.errors import CheckpointError, ConfigError
from common.failures import some_names
from common.files import remove_partial_files, write_json, write_text
from common.locks import LOCK_FILES
from common.provenance import environment
from common.records import read_record, require_kind

# Changes when settings get other names, so that a run is continued or refused and never misread.
RUN_FORMAT = 2
REDO_RUN = "give another run folder, or use --force to start again"


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

    @property
    def class_names(self) -> Path:
        """The names of the classes without the background, one per line, which travel with the trained network."""
        return self.path / "classes.txt"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def engine_form(self) -> Path:
        """Which layout and precision ``engine.precision: auto`` has chosen."""
        return self.path / "engine_form.json"

    @property
    def inputs(self) -> Path:
        return self.path / INPUTS_FILE

    def begin(
        self,
        config: Mapping[str, Any],
        *,
        force: bool = False,
        free: Collection[str] = FREE_TO_CHANGE,
        contents: Mapping[str, str] | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Write configuration and environment, or check that the folder's run has the same configuration.

        Args:
            config: resolved nested settings.
            force: delete the run that is there, and nothing else in its folder, and start again.
            free: dotted settings that may differ.
            contents: fingerprints of list, tags and classes and of what settings lead to, besides those of paths in ``config``.

            classes: names without the background, which travel with the trained network.

        Raises:
            ConfigError: the folder holds a run with other settings (the message names them), or something that is not a
                run and must not be deleted or continued.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"the run folder {self.path} is a file; give another one")
        if force:
            self._clear()
        remove_partial_files(self.path)
        now = contents_of_settings(config, {*free, *(contents or {})}) | dict(contents or {})
        if self.config.exists():
            self._require_this_format()
            self._require_same(config, free, now)
        elif latest_checkpoint(self.checkpoints):
            raise ConfigError(f"{self.path} has checkpoints but no {self.config.name}; give another run folder")
        write_json(self.environment, {"run_format": RUN_FORMAT, **environment()})
        write_json(self.inputs, {"contents": now})
        if classes:
            write_text(self.class_names, "".join(f"{name}\n" for name in classes))
        write_yaml(self.config, config)

    def _clear(self) -> None:
        """Delete the run's files, those that show the folder to be a run last; name what stays."""
        if not self.path.exists() or all(item.name in LOCK_FILES for item in self.path.iterdir()):
            return
        if not is_run(self.path):
            raise ConfigError(
                f"{self.path} is not empty and not the folder of a run (no {self.config.name} and {self.environment.name}); "
                "--force does not delete it. Give another run folder, or empty it yourself."
            )
        kept = clear_run(self.path)
        if kept:
            print(f"{self.path}: not written by the toolbox, so --force leaves it: {some_names(kept)}")

    def _require_this_format(self) -> None:
        """Raise unless the run was begun by a version whose settings have today's names."""
        known = read_record(self.environment, {}, REDO_RUN) if self.environment.exists() else {}
        if known.get("run_format") != RUN_FORMAT:
            raise ConfigError(
                f"{self.path} holds a run of an older version of the toolbox, whose settings have other names; give another "
                "run folder, finish it with that version, or use --force to start again."
            )

    def _require_same(self, config: Mapping[str, Any], free: Collection[str], contents: Mapping[str, str]) -> None:
        changes = describe_differences(self._begun_with(), config, free, recorded_contents(self.path), contents)
        if changes:
            raise ConfigError(
                f"{self.path} holds a run with other settings ({changes}). "
                "Give another run folder, restore the settings to continue it, or use --force to start again."
            )

    def recorded(self, name: str) -> int:
        """A whole number among the settings that the run was begun with, by its dotted name.

        Raises:
            ConfigError: the configuration cannot be read.
            DataError: it lacks the setting.
        """
        values = self._begun_with()
        require_kind(values, name, "int", str(self.config), REDO_RUN)
        return int(flatten(values)[name])

    def _begun_with(self) -> dict[str, Any]:
        try:
            return read_yaml(self.config)
        except ConfigError as error:
            raise ConfigError(f"{error}; {REDO_RUN}") from error

    def finished_checkpoint(self, max_steps: int) -> Path:
        """The checkpoint of a finished training.

        Raises:
            CheckpointError: there is none, or the training stopped earlier.
        """
        latest = latest_checkpoint(self.checkpoints)
        if latest is None:
            raise CheckpointError(f"{self.checkpoints} has no checkpoint; run the training first")
        step = checkpoint_step(latest)
        if step < max_steps:
            raise CheckpointError(
                f"the training in {self.path} stopped at step {step} of {max_steps}; run it again to continue"
            )
        return latest


def describe_differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    free: Collection[str] = (),
    old_contents: Mapping[str, str] | None = None,
    new_contents: Mapping[str, str] | None = None,
) -> str:
    """``"a.b: 1 -> 2"`` for every setting that differs, empty when none does.

    Args:
        old_contents, new_contents: dotted setting -> fingerprint of what it led and leads to: two paths are the same setting where these
            are equal. Weights, lists, tags and class names of other content differ whatever the paths are.
    """
    before, after = flatten(as_read_back(old)), flatten(as_read_back(new))
    led, leads = old_contents or {}, new_contents or {}
    changed = [
        f"{key}: {before.get(key, 'not set')} -> {after.get(key, 'not set')}"
        for key in sorted(before.keys() | after.keys())
        if key not in free
        and not same_value(before.get(key), after.get(key))
        and (key not in led or led[key] != leads.get(key))
    ]
    changed += [
        f"{key}: other content"
        for key in sorted(led.keys() & leads.keys())
        if led[key] != leads[key]
        and key not in free
        and (
            key in ALWAYS_COMPARED
            or (before.get(key) == after.get(key) and str(after.get(key)).endswith(WEIGHT_SUFFIXES))
        )
    ]
    return ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")


def same_value(before: Any, after: Any) -> bool:
    """Whether two settings are equal, two spellings of one file or folder that is there, or both not given.

    A run of an earlier version does not know what has come since; what is off by default (0, false, empty) changes nothing.
    """
    if before == after or (before in (None, "") and after in (None, "")) or (before is None and not after):
        return True
    if not (isinstance(before, str) and isinstance(after, str) and before and after):
        return False
    return os.path.exists(before) and os.path.exists(after) and os.path.samefile(before, after)


def as_read_back(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a file returns them: tuples are lists."""
    values: dict[str, Any] = json.loads(json.dumps(settings))
    return values
