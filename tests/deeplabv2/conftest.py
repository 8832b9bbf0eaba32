"""A generated dataset and a network that was trained on it for two steps."""

from pathlib import Path

import pytest

from common.data.toy import ToyConfig, make_toy
from deeplabv2.main import main


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    make_toy(root, ToyConfig(n_train=10, n_val=4))
    return root


@pytest.fixture(scope="session")
def settings(toy, pytestconfig):
    """Flags of every command; without --out, which is each test's own."""
    config = pytestconfig.rootpath / "deeplabv2" / "configs" / "toy.yaml"
    small = ["--max-steps", "2", "--engine.batch_size", "4", "--workers", "0", "--device", "cpu"]
    return ["-c", str(config), "--root", str(toy), *small]


@pytest.fixture(scope="session")
def checkpoint(settings, tmp_path_factory):
    """The last checkpoint of a training, in the published form."""
    out = tmp_path_factory.mktemp("training")
    assert main(["train", *settings, "--out", str(out)]) == 0
    (path,) = out.rglob("checkpoint_final.pth")
    return path


@pytest.fixture
def arguments(settings, checkpoint, tmp_path):
    """Flags of ``test`` and ``crf`` that write to ``tmp_path / "out"``."""
    return [*settings, "--out", str(tmp_path / "out"), "-m", str(checkpoint)]


@pytest.fixture
def features(tmp_path):
    """Where ``arguments`` puts label maps and logits."""
    return Path(tmp_path, "out", "features", "toy", "deeplabv2_msc", "val")


@pytest.fixture
def scores(tmp_path):
    """Where ``arguments`` puts scores."""
    return Path(tmp_path, "out", "scores", "toy", "deeplabv2_msc", "val")


@pytest.fixture(scope="session")
def seed_settings(toy, pytestconfig):
    """Flags of every command of a training on seeds, without --out; the dataset's own masks are the seeds."""
    config = pytestconfig.rootpath / "deeplabv2" / "configs" / "toy_dsrg.yaml"
    small = ["--max-steps", "2", "--engine.batch_size", "2", "--engine.log_every", "1", "--workers", "0", "-j", "1"]
    small += ["--image.warp_size", "41", "--image.crop_size", "33", "--test.squares", "[24,33,41]", "--device", "cpu"]
    return ["-c", str(config), "--root", str(toy), "--label-dir", str(toy / "SegmentationClass"), *small]


@pytest.fixture(scope="session")
def seed_checkpoint(seed_settings, tmp_path_factory):
    """The last checkpoint of a training on seeds; not to be changed."""
    out = tmp_path_factory.mktemp("seeds")
    assert main(["train", *seed_settings, "--out", str(out)]) == 0
    (path,) = out.rglob("checkpoint_final.pth")
    return path
