"""A generated dataset of a few images, and EPS and one round of self-training on it, two steps each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.cores import torch_threads
from smaf.method import METHOD
from smaf.settings import SmafSettings
from tests.tiny_method import TinyMethod

TINY = """
out: logdir
data: {dataset: toy, root: data}
backbone: {name: resnet18, width: 0.125, output_stride: 8, frozen_stages: 0, freeze_batchnorm: true}
crop: {crop_size: 32, long_sides: [30, 50]}
engine: {max_steps: 2, batch_size: 2, workers: 0, device: cpu, log_every: 1, save_every: 1}
cam: {scales: [1.0, 0.5], batch_size: 4}
report: {saliency_source: generated, pictures: 1}
"""
RUN = TinyMethod(METHOD, TINY)
IDS = [f"train_{index:04d}" for index in range(4)]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny.yaml``, ``data`` (4 training images) and ``logdir`` of a whole chain; not to be changed."""
    return RUN.prepare(tmp_path_factory.mktemp("smaf"), "eps", "fuse", "round1", "cam", "label")


@pytest.fixture
def smaf(work: Path) -> Callable[..., int]:
    """``smaf(stage, ..., flag, ...)``: commands in ``work``."""
    return RUN


@pytest.fixture
def settings(work: Path) -> Callable[..., SmafSettings]:
    """``settings(flag, ...)``: the settings of the run in ``work``."""
    return RUN.settings
