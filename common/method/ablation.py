"""One table of what each ingredient of a method adds to its label maps: its variants, each with one or several seeds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.errors import ConfigError
from common.locks import only_writer
from common.method.labels import Labels, Score
from common.method.method import Method, Variant
from common.method.pictures import Pictures
from common.method.report import ABLATION, results_below
from common.method.reproduce import Failures, requirements_of_stage, run_stage
from common.method.requirements import require_inputs
from common.method.settings import with_values
from common.method.stage import Stage
from common.report.table import build_tables
from common.report.table_text import format_text


def ablate(method: Method, settings: Any, seeds: Sequence[int], names: Sequence[str]) -> int:
    """Train, map, label and score every variant with every seed below ``<out>/ablation``, then print the table.

    Variants that train the same networks share them. What is complete is skipped.

    Returns:
        1 when an image failed, else 0.

    Raises:
        ConfigError: there is no such variant.
        InUseError: another process makes this table.
    """
    unknown = [name for name in names if name not in method.variants]
    if unknown:
        raise ConfigError(f"{method.name} has no variant {', '.join(unknown)}; there is {', '.join(method.variants)}")
    folder = Path(settings.out) / ABLATION
    for name in names or list(method.variants):
        changed = settings_of_variant(method, settings, folder / name, 0, method.variants[name])
        stages = stages_of_variant(method, changed)
        require_inputs(one for stage in stages for one in requirements_of_stage(method, stage, changed))
    runs, failures = [], Failures()
    with only_writer(folder):
        for seed in seeds:
            for name in names or list(method.variants):
                variant = method.variants[name]
                run = folder / f"{name}_seed{seed}"
                if variant.network_of:
                    share_trainings(method, settings, folder / f"{variant.network_of}_seed{seed}", run, variant)
                run_variant(method, settings, run, seed, variant, failures)
                runs.append(run)
    # The reference rows of the chain head the table, where they are there.
    reference = Path(settings.chain.reference_out) if settings.chain.reference else None
    shown = [reference / "results.json"] if reference and (reference / "results.json").is_file() else []
    for table in build_tables(results_below([*(file.parent for file in shown), *runs])):
        print("\n" + format_text(table))
    return failures.exit_status()


def run_variant(method: Method, settings: Any, run: Path, seed: int, variant: Variant, failures: Failures) -> None:
    """Every stage up to the scores of the label maps; segmentations only where these label maps start from them."""
    changed = settings_of_variant(method, settings, run, seed, variant)
    for stage in stages_of_variant(method, changed):
        run_stage(method, stage, changed, failures)


def settings_of_variant(method: Method, settings: Any, run: Path, seed: int, variant: Variant) -> Any:
    values = {"report.method": variant.row, "engine.seed": seed, **variant.values}
    return method.within(with_values(settings, values), run)


def stages_of_variant(method: Method, settings: Any) -> Iterator[Stage]:
    """Every stage up to the label maps."""
    for stage in method.stages:
        if stage.in_chain(settings) and not isinstance(stage, (Score, Pictures)):
            yield stage
        if isinstance(stage, Labels) and stage is method.labels:
            return


def share_trainings(method: Method, settings: Any, source: Path, target: Path, variant: Variant) -> None:
    """Give a variant the finished trainings of another one, without what was made from them."""
    there, here = method.within(settings, source), method.within(settings, target)
    for training in method.trainings:
        given, own = training.run_folder(there), training.run_folder(here)
        shared = not variant.trainings or training.name in variant.trainings
        if not shared or own.config.is_file() or not given.config.is_file():
            continue
        shutil.copytree(given.checkpoints, own.checkpoints, dirs_exist_ok=True)
        # The configuration comes last: what has none is copied again.
        for file in (given.metrics, given.environment, given.inputs, given.config):
            if file.is_file():
                shutil.copy(file, own.path / file.name)
