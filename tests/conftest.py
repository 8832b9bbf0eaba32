"""Fixtures for all tests."""

import os
import shutil
from pathlib import Path

import pytest

from common.data.layout import DataConfig, DatasetLayout, open_layout


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """For ``pytest -n N --dist loadgroup``: the tests of a file stay together, as they share what their fixtures have made, and the
    largest ones run one after the other."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            group = "full size" if "full_size" in item.path.name else str(item.path)
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and golden vectors: WSSS_SHARED, or ``shared`` beside the repository."""
    folder = Path(os.environ.get("WSSS_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist; set WSSS_SHARED to the folder that holds it")
    return folder


@pytest.fixture(scope="session")
def photographs(shared: Path) -> DatasetLayout:
    """The real photographs of animals."""
    root = shared / "data" / "voc_animals"
    if not root.is_dir():
        pytest.skip(f"no photographs: {root} does not exist")
    return open_layout(DataConfig(dataset="vocaug", root=str(root)))


@pytest.fixture
def work(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``finished``, the folder that a package's tests have in common, to change, as the working directory."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
