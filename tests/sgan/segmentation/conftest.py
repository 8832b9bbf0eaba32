"""A generated dataset, and a tiny segmentation network that was trained on its masks for two steps."""

from pathlib import Path

import pytest

from common.cores import torch_threads
from common.data.toy import ToyConfig, make_toy
from sgan.segmentation.__main__ import main

TINY = [
    *("--engine.max_steps", "2", "--engine.batch_size", "2", "--engine.log_every", "1"),
    *("--workers", "0", "--device", "cpu", "--augmentation.resize", "41", "--augmentation.crop_size", "33"),
    *("--test.side", "33", "--test.middle_side", "33", "--test.batch_size", "2", "--test.processes", "1"),
]


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("toy")
    make_toy(root, ToyConfig(n_train=4, n_val=3, size=48))
    return root


@pytest.fixture(scope="session")
def flags(toy, pytestconfig) -> list[str]:
    """Flags of every command, without ``--out``; the dataset's own masks are the seeds."""
    config = pytestconfig.rootpath / "sgan" / "segmentation" / "configs" / "toy.yaml"
    return ["-c", str(config), "--root", str(toy), "--label-dir", str(toy / "SegmentationClass"), *TINY]


@pytest.fixture(scope="session")
def trained(flags, tmp_path_factory) -> Path:
    """The run folder of a finished training; not to be changed."""
    out = tmp_path_factory.mktemp("trained")
    assert main(["train", *flags, "--out", str(out)]) == 0
    return out
