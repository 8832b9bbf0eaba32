"""The toy set separates the marks between which a method is read, at the settings of the demo."""

from pathlib import Path

import pytest

from common.chain.config import FULLY_SUPERVISED, ChainConfig
from common.chain.stages import run_stage
from common.chain.summary import collect_results
from common.data.toy import ToyConfig, make_toy


@pytest.fixture(scope="module")
def miou(tmp_path_factory) -> dict[str, float]:
    """Method -> mIoU in percent: pseudo labels without CRF of the baseline, DeepLab-v2 of full supervision."""
    folder = tmp_path_factory.mktemp("separation")
    make_toy(folder / "data", ToyConfig())
    config = ChainConfig(root=str(folder / "data"), out=str(folder / "out"), device="cpu")
    baseline = config.baseline_arguments()
    commands = [["common.baseline", stage, *baseline] for stage in ("train", "cam")]
    for background in ("constant", "saliency"):
        commands += [
            ["common.baseline", stage, *baseline, "--labels.background", background] for stage in ("label", "score")
        ]
    segmentation = config.segmentation_arguments(FULLY_SUPERVISED, "")
    commands += [["deeplabv2.main", command, *segmentation] for command in ("train", "test")]
    for command in commands:
        run_stage(command)
    return {result.method: result.miou for result in collect_results([Path(config.out)])}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_full_supervision_plain_cam_and_cam_x_saliency_lie_apart(miou):
    ceiling = miou["fully supervised"]
    assert ceiling >= 80
    assert miou["plain CAM"] <= ceiling - 20
    assert miou["CAM x saliency"] <= ceiling - 8
    assert miou["all background"] < miou["plain CAM"] < miou["CAM x saliency"]
