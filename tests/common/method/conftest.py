"""A generated dataset of a few images, plain CAM trained on it for two steps, and its maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.cores import torch_threads
from common.data.toy import ToyConfig, make_toy
from common.errors import run_command
from common.method.__main__ import main

CONFIG = Path(__file__).parent / "tiny.yaml"


@pytest.fixture(scope="session")
def tiny() -> Path:
    """The configuration of ``run``."""
    return CONFIG


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data`` (4 training images) and ``run`` (trained, with maps); not to be changed."""
    folder = tmp_path_factory.mktemp("plain_cam")
    make_toy(folder / "data", ToyConfig(n_train=4, n_val=2, size=48))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["plain_cam", "train", "cam", str(CONFIG)]) == 0
    return folder


@pytest.fixture
def plain_cam(work: Path) -> Callable[..., int]:
    """``plain_cam(stage, *flags)``: the command in ``work``; returns its exit status or raises its error."""

    def run(stage: str, *flags: str) -> int:
        return main(["plain_cam", stage, str(CONFIG), *flags])

    return run


@pytest.fixture
def failing(plain_cam: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """``failing(stage, *flags)``: the command must fail as commands do; returns the single line it prints about it."""

    def run(stage: str, *flags: str) -> str:
        with pytest.raises(SystemExit) as caught:
            run_command(lambda: plain_cam(stage, *flags))
        assert caught.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1 and lines[-1] == errors[0], "the error must be the last line, and one line"
        return errors[0]

    return run
