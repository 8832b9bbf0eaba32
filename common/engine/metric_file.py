"""``metrics.jsonl``, the training log of a run folder: one JSON object per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.errors import DataError
from common.files import write_text
from common.records import VALUE_CHECKS

# What a line has besides losses, speeds and times, which are numbers.
METRIC_KINDS = {"step": "int", "lr": "numbers"}


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """One dictionary per logged line, in file order.

    A last line without its line end is what a killed run leaves and is dropped; any other broken line is an error.

    Raises:
        DataError: the file cannot be read, or a complete line is no JSON object.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    complete, _, _ = text.rpartition("\n")
    return [_read_line(line, f"{path}, line {number}") for number, line in enumerate(complete.split("\n"), 1) if line]


def _read_line(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: {error}; the log was edited or damaged, remove the line to go on") from error
    if not isinstance(record, dict):
        raise DataError(f"{where}: is not a JSON object; the log was edited or damaged, remove the line to go on")
    kinds = {"step": "int", **{name: METRIC_KINDS.get(name, "float") for name in record}}
    wrong = [name for name, kind in kinds.items() if not VALUE_CHECKS[kind](record.get(name))]
    if wrong:
        raise DataError(
            f"{where}: {wrong[0]} is {record.get(wrong[0])!r}, not {kinds[wrong[0]]}; remove the line to go on"
        )
    return record


def keep_metrics_until(path: Path, step: int) -> None:
    """Drop the records after ``step``, which a resumed run writes again; makes the file when there is none."""
    records = [record for record in read_metrics(path) if record["step"] <= step] if path.exists() else []
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))
