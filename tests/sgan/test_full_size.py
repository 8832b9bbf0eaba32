"""The published network at its published size: one training step and one seed of a photograph, within 20 GB."""

import resource
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from common.data.images import image_size

LIMIT = 20 * 10**9


@pytest.mark.slow
def test_a_step_and_a_seed_of_the_published_size(shared, tmp_path, pytestconfig):
    root = shared / "data" / "voc_animals"
    if not root.is_dir():
        pytest.skip("there is no voc_animals among the real data")
    image_id = min(path.stem for path in (root / "SegmentationClassAug").glob("*.png"))
    (tmp_path / "one.txt").write_text(f"{image_id}\n")
    folder = pytestconfig.rootpath / "sgan"
    given = [
        "--cfg_file",
        "config/sgan_vgg16_321x321.yml",
        "--dataset_root",
        str(root),
        "--data.train_list",
        str(tmp_path / "one.txt"),
    ]
    given += ["--sal_subdir", "Sal", "--sdnet_path", "Sal", "--pretrain", "", "--batch_size", "1", "--max_iter", "1"]
    given += ["--num_worker", "0", "--display_step", "1", "--device", "cpu", "--semi.share", "1"]
    given += ["--out", str(tmp_path), "--report.saliency_source", "given"]
    for command in ("train_sgan.py", "infer_cam.py"):
        done = subprocess.run(
            [sys.executable, f"tools/stage2/{command}", *given],
            cwd=folder,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "result").glob(f"*_seedcam_0.25/{image_id}.png")
    with Image.open(file) as image:
        seed = np.asarray(image)
    assert seed.shape == image_size(root / "JPEGImages" / f"{image_id}.jpg")
    assert set(np.unique(seed)) <= set(range(22))
