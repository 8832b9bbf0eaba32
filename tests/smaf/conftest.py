"""A generated dataset of a few images, and EPS and one round of self-training on it, two steps each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.cores import torch_threads
from common.data.toy import ToyConfig, make_toy
from common.method.command import command_of, run_method, settings_of
from smaf.method import METHOD
from smaf.settings import SmafSettings

TINY = """
out: logdir
data: {dataset: toy, root: data}
backbone: {name: resnet18, width: 0.125, output_stride: 8, frozen_stages: 0, freeze_batchnorm: true}
crop: {crop_size: 32, long_sides: [30, 50]}
engine: {max_steps: 2, batch_size: 2, workers: 0, device: cpu, log_every: 1, save_every: 1}
cam: {scales: [1.0, 0.5], batch_size: 4}
report: {saliency_source: generated, pictures: 1}
"""
# The method as it runs in a folder of its own.
HERE = dataclasses.replace(METHOD, home=None)
IDS = [f"train_{index:04d}" for index in range(4)]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


def run_here(*words: str) -> int:
    """``run_here(stage, ..., flag, ...)``: commands of the method with ``tiny.yaml`` in the working directory."""
    count = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    return run_method(HERE, [*words[:count], "tiny.yaml", *words[count:]])


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.yaml``, ``data`` (4 training images) and ``logdir`` of a whole chain; not to be changed."""
    folder = tmp_path_factory.mktemp("smaf")
    (folder / "tiny.yaml").write_text(TINY)
    make_toy(folder / "data", ToyConfig(n_train=4, n_val=2, size=40))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_here("eps", "fuse", "round1", "cam", "label") == 0
    return folder


@pytest.fixture
def smaf(work: Path) -> Callable[..., int]:
    """``smaf(stage, ..., flag, ...)``: commands in ``work``."""
    return run_here


@pytest.fixture
def settings(work: Path) -> Callable[..., SmafSettings]:
    """``settings(flag, ...)``: the settings of the run in ``work``."""

    def parse(*flags: str) -> SmafSettings:
        given: SmafSettings = settings_of("test", command_of(HERE, ""), ["tiny.yaml", *flags])
        return given

    return parse
