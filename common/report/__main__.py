"""Collect the results of several run folders into one table, and one HTML report when asked.

``python -m common.report RUN_FOLDER... [--html report.html] [--markdown]``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.engine.metric_file import read_metrics
from common.errors import DataError, run_command
from common.report.examples import read_class_names, read_examples
from common.report.html import ReportInput, write_report
from common.report.metrics import training_curves
from common.report.results import Result, read_results
from common.report.table import build_tables
from common.report.table_text import format_markdown, format_text

DESCRIPTION = "Results collected from {count} run {folders}: {names}."


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.report", description="Print one table of several runs.")
    parser.add_argument("run_folders", nargs="+", type=Path, metavar="RUN_FOLDER", help="folder with a results.json")
    parser.add_argument("--html", type=Path, metavar="OUT", help="also write a self-contained HTML report to this file")
    parser.add_argument("--title", default="Segmentation from image tags", help="title of the HTML report")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown instead of plain text")
    arguments = parser.parse_args(argv)
    results = collect_results(arguments.run_folders)
    show = format_markdown if arguments.markdown else format_text
    print("\n".join(show(table) for table in build_tables(results)), end="")
    if arguments.html:
        write_report(arguments.html, collect_report(arguments.title, arguments.run_folders, results))
        print(f"\nHTML report: {arguments.html}")


def collect_results(run_folders: Sequence[Path]) -> list[Result]:
    """The records of each folder's ``results.json``, in the order given.

    Raises:
        DataError: a folder has none, or it cannot be read.
    """
    for folder in run_folders:
        if not (folder / "results.json").is_file():
            raise DataError(f"{folder} has no results.json; run the evaluation of that run first")
    return [result for folder in run_folders for result in read_results(folder / "results.json")]


def collect_report(title: str, run_folders: Sequence[Path], results: Sequence[Result]) -> ReportInput:
    """A report of the results, and of the training logs and example images the folders have."""
    logs = {folder.as_posix(): folder / "metrics.jsonl" for folder in run_folders}
    names = ", ".join(folder.as_posix() for folder in run_folders)
    folders = "folder" if len(run_folders) == 1 else "folders"
    return ReportInput(
        title=title,
        description=DESCRIPTION.format(count=len(run_folders), folders=folders, names=names),
        results=results,
        examples=read_examples(run_folders),
        class_names=read_class_names(run_folders),
        curves=training_curves({name: read_metrics(path) for name, path in logs.items() if path.is_file()}),
    )


if __name__ == "__main__":
    run_command(main)
