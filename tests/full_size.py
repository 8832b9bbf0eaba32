"""Memory of the tests of published sizes."""

from pathlib import Path

import pytest

from common.memory import peak_memory

LIMIT_GB = 20


def require_memory(gigabytes: float) -> None:
    """Skip where less can be had, file caches included; SC_AVPHYS_PAGES leaves those out."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024 / 1e9
    if available < gigabytes:
        pytest.skip(f"{available:.0f} GB of memory are free; this needs up to {gigabytes}")


def peak_gb() -> float:
    """The most memory that this process ever had."""
    return peak_memory() / 1e9
