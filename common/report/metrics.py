"""The curves drawn from training logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.report.curves import Curve
from common.report.names import group_name, loss_name

Line = tuple[list[float], list[float]]
NOT_A_LOSS = frozenset({"step", "lr", "images_per_second", "time"})


def training_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Curve]:
    """Curves of each loss and of the learning rates against the step, one line per run (and parameter group).

    Args:
        runs: run name -> its records as the training loop writes them: ``step``, one number per loss, ``lr`` by group.
    """
    losses = dict.fromkeys(name for log in runs.values() for record in log for name in record if name not in NOT_A_LOSS)
    groups = dict.fromkeys(group for log in runs.values() for record in log for group in record.get("lr", {}))
    curves = [
        Curve(f"Training loss: {loss_name(loss)}", "step", "loss", lines)
        for loss in losses
        if (lines := _lines(runs, (loss,)))
    ]
    rates: dict[str, Line] = {}
    for group in groups:
        lines = _lines(runs, ("lr", group))
        if (
            len(runs) > 1
            and len(lines) == len(runs)
            and all(line == next(iter(lines.values())) for line in lines.values())
        ):
            lines = {"all runs": next(iter(lines.values()))}
        rates |= {f"{run}: {group_name(group)}" if len(groups) > 1 else run: line for run, line in lines.items()}
    return curves + ([Curve("Learning rate", "step", "learning rate", rates)] if rates else [])


def _lines(runs: Mapping[str, Sequence[Mapping[str, Any]]], keys: tuple[str, ...]) -> dict[str, Line]:
    """Per run, the steps and the values at ``record[keys[0]][keys[1]]...``; runs without any are left out."""
    found = {run: [point for record in log if (point := _point(record, keys))] for run, log in runs.items()}
    return {run: ([x for x, _ in points], [y for _, y in points]) for run, points in found.items() if points}


def _point(record: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[float, float] | None:
    value: Any = record
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value is None else (float(record["step"]), float(value))
