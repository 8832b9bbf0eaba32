"""A generated dataset of a few images, and the classifier on it for two steps, with its maps and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.cores import torch_threads
from i2crc.method import METHOD
from i2crc.settings import I2crcSettings
from tests.tiny_method import TinyMethod

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
RUN = TinyMethod(METHOD, TINY)
IDS = [f"train_{index:04d}" for index in range(4)]
FILE = "run/model/toy_epoch_0.pth"


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.yaml``, ``data`` (4 training images) and ``run``: network, maps, labels; not to be changed."""
    return RUN.prepare(tmp_path_factory.mktemp("i2crc"), "train", "cam", "label")


@pytest.fixture
def i2crc(work: Path) -> Callable[..., int]:
    """``i2crc(stage, ..., flag, ...)``: commands in ``work``."""
    return RUN


@pytest.fixture
def settings(work: Path) -> Callable[..., I2crcSettings]:
    """``settings(flag, ...)``: the settings of the run in ``work``."""
    return RUN.settings
