"""A generated dataset of a few images, and the classifier on it for two steps, with its maps and labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.cores import torch_threads
from common.data.toy import ToyConfig, make_toy
from common.method.command import command_of, run_method, settings_of
from i2crc.method import METHOD
from i2crc.settings import I2crcSettings

TINY = """
out: run
data: {dataset: toy, root: data}
backbone: {name: vgg16, width: 0.0625, output_stride: 8}
square: {side: 40}
training: {epochs: 1, decay_epochs: []}
engine: {batch_size: 2, workers: 0, device: cpu, log_every: 1, save_every: 1, last_batch: drop}
cam: {batch_size: 4}
report: {saliency_source: generated, pictures: 1}
chain: {refine: true}
"""
# The method as it runs in a folder of its own.
HERE = dataclasses.replace(METHOD, home=None)
IDS = [f"train_{index:04d}" for index in range(4)]
FILE = "run/model/toy_epoch_0.pth"


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
    """A folder with ``tiny.yaml``, ``data`` (4 training images) and ``run``: network, maps, labels; not to be changed."""
    folder = tmp_path_factory.mktemp("i2crc")
    (folder / "tiny.yaml").write_text(TINY)
    make_toy(folder / "data", ToyConfig(n_train=4, n_val=2, size=40))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run_here("train", "cam", "label") == 0
    return folder


@pytest.fixture
def i2crc(work: Path) -> Callable[..., int]:
    """``i2crc(stage, ..., flag, ...)``: commands in ``work``."""
    return run_here


@pytest.fixture
def settings(work: Path) -> Callable[..., I2crcSettings]:
    """``settings(flag, ...)``: the settings of the run in ``work``."""

    def parse(*flags: str) -> I2crcSettings:
        given: I2crcSettings = settings_of("test", command_of(HERE, ""), ["tiny.yaml", *flags])
        return given

    return parse
