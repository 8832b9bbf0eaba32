"""Folders beside that of the seeds."""

from __future__ import annotations

from pathlib import Path


def label_folder(seeds: Path) -> Path:
    """Where the shared label maps of ``seeds`` lie."""
    return seeds.with_name(f"{seeds.name}_labels")


def report_folder(seeds: Path) -> Path:
    """Where the scores and example pictures of ``seeds`` lie, for ``python -m common.report``."""
    return seeds.with_name(f"{seeds.name}_report")
