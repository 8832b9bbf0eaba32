"""SGAN's published size: one training step and one prediction with CRF, on one photograph, within 20 GB."""

import resource
import subprocess
import sys

import numpy as np
import pytest

from common.data.images import image_size, read_label_map

LIMIT = 20 * 10**9


@pytest.fixture
def voc(shared, tmp_path):
    """Flags that reduce a real dataset to its first training image."""
    root = shared / "data" / "voc_animals"
    if not root.is_dir():
        pytest.skip("there is no voc_animals among the real data")
    image_id = next(path.stem for path in sorted((root / "SegmentationClassAug").glob("*.png")))
    image_list = tmp_path / "one.txt"
    image_list.write_text(f"{image_id}\n")
    lists = ["--data.train_list", str(image_list), "--data.val_list", str(image_list)]
    return root, image_id, ["--root", str(root), *lists, "--label-dir", str(root / "SegmentationClassAug")]


def run(stage, pytestconfig, flags):
    config = pytestconfig.rootpath / "deeplabv2" / "configs" / "sgan_voc12.yaml"
    command = [sys.executable, "-m", "deeplabv2.main", stage, "-c", str(config), *flags]
    done = subprocess.run(
        command,
        cwd=pytestconfig.rootpath,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_step_and_a_prediction_of_the_published_size(voc, tmp_path, pytestconfig):
    root, image_id, data = voc
    out = tmp_path / "run"
    flags = [*data, "--out", str(out), "--weights", "", "--device", "cpu", "--workers", "0", "--max-steps", "1"]
    flags += ["--engine.log_every", "1", "--report.pictures", "0"]
    run("train", pytestconfig, flags)
    (metrics,) = out.rglob("metrics.jsonl")
    assert metrics.read_text().count("constrain") == 1
    stdout = run("crf", pytestconfig, flags)
    assert "DeepLab-v2 + CRF" in stdout and "over 1 images" in stdout
    (path,) = out.rglob(f"crf/{image_id}.png")
    predicted = read_label_map(path)
    assert predicted.shape == image_size(root / "JPEGImages" / f"{image_id}.jpg") and np.ptp(predicted) <= 20
