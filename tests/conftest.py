"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and golden vectors: WSSS_SHARED, or ``shared`` beside the repository."""
    folder = Path(os.environ.get("WSSS_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist; set WSSS_SHARED to the folder that holds it")
    return folder
