"""The toy set separates the reference rows between which a method is read, at the settings of the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.data.toy import ToyConfig, make_toy
from common.method.calls import call
from common.method.command import run_method
from common.method.plain_cam import CONFIGS, METHOD
from common.method.report import results_below

SEGMENTATION = Path(__file__).parents[3] / "deeplabv2/configs/toy.yaml"


@pytest.fixture(scope="module")
def miou(tmp_path_factory) -> dict[str, float]:
    """Method -> mIoU in percent: label maps without CRF of plain CAM, DeepLab-v2 of full supervision."""
    folder = tmp_path_factory.mktemp("separation")
    make_toy(folder / "data", ToyConfig())
    flags = ["--root", str(folder / "data"), "--device", "cpu"]
    plain = ["reproduce", "--until", "labels", str(CONFIGS / "toy.yaml"), *flags, "--out", str(folder / "plain_cam")]
    assert run_method(METHOD, [*plain, "--label_crf", "false"]) == 0
    for command in ("train", "test"):
        call("deeplabv2.main", [command, "-c", str(SEGMENTATION), *flags, "--out", str(folder / "deeplabv2")])
    return {result.method: result.miou for result in results_below([folder])}


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_full_supervision_plain_cam_and_cam_x_saliency_lie_apart(miou):
    ceiling = miou["fully supervised"]
    assert ceiling >= 80
    assert miou["plain CAM"] <= ceiling - 20
    assert miou["CAM x saliency"] <= ceiling - 8
    assert miou["all background"] < miou["plain CAM"] < miou["CAM x saliency"]
