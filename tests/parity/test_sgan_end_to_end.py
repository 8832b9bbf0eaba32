"""From image and saliency map to the seed file: equal to the published inference."""

import re

import numpy as np
import pytest
import torch

from common.cam.files import Cams
from common.data.classes import VOC_CLASSES
from common.data.zoom import zoom_linear
from common.pseudo_labels.rule import Evidence
from sgan.labels import SeedRule, paint_cues, sec_cues
from sgan.network import tagged_maps
from sgan.sample import SganInput
from sgan.settings import SganSettings
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected, filled_network

POSITIONS, UNLABELLED = 41, 21


def sample_of(inputs):
    """What inference and the rule of the seeds load, from the rules of the case."""
    name, height, width = re.search(r"filled_input\('(\w+)', \((\d+),(\d+),3\)", inputs["image"]["rule"]).groups()
    size = (int(height), int(width))
    bgr = filled_input(name, (*size, 3), 0, 256).astype(np.uint8)
    cells = tuple(map(int, re.search(r":sal', \((\d+),(\d+)\)", inputs["saliency"]["rule"]).groups()))
    blocks = filled_input(f"{name}:sal", cells, 0, 40).repeat(10, 0).repeat(10, 1)
    saliency = blocks[: size[0], : size[1]].astype(np.uint8)
    tags = np.isin(np.arange(20), np.array(inputs["tags"]) - 1).astype(np.float32)
    raw = {"id": name, "image": bgr[:, :, ::-1], "saliency": saliency, "tags": tags}
    config = SganSettings()
    converted = SganInput(config.image_side, config.mean, (), config.sal_thresh).convert(raw)
    return {**converted, "keys": np.flatnonzero(tags)}, raw


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("end_to_end.npz", "e2e_"))
def test_seed_of_an_image(case):
    inputs, wanted, tolerance = CASES[case]["inputs"], expected(case), CASES[case]["tolerance"]
    (sample, raw), config, network = sample_of(inputs), SganSettings(), filled_network()
    with torch.inference_mode():
        maps = network.maps(sample["image"][None], sample["salient"][None])
    assert_close(maps.cam[0, :, ::5, ::5].numpy(), wanted["cam"], tolerance["cam"])
    assert_close(maps.segmentation[0, :, ::5, ::5].numpy(), wanted["seg"], tolerance["seg"])
    rule = SeedRule(config.labels, VOC_CLASSES, config.sal_thresh)
    (cams,) = tagged_maps(network, True, torch.device("cpu"), [sample])
    label_map = rule(Evidence(raw["id"], cams, raw["image"], raw["saliency"]))
    assert label_map.dtype == np.uint8
    assert (np.where(label_map == 255, UNLABELLED, label_map) == wanted["png"]).mean() >= 0.995
    saliency = zoom_linear(raw["saliency"].astype(np.float32) / np.float32(255), (POSITIONS, POSITIONS))
    assert (rule.labels(cams, saliency) == wanted["seed41_combined"]).mean() >= 0.995
    class_maps = Cams(cams.keys, maps.cam[0].numpy()[cams.keys])
    cues = sec_cues(class_maps, len(VOC_CLASSES), saliency, config.labels.cam_thresh, config.sal_thresh)
    assert (paint_cues(cues, rule.overruled) == wanted["seed41_cam_only"]).mean() >= 0.995
