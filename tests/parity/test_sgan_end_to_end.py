"""From image and saliency map to the seed file: equal to the published inference."""

import re

import numpy as np
import pytest
import torch

from sgan.data.sample import NetworkInput, Normalisation
from sgan.data.zoom import zoom_linear
from sgan.seeds.cues import paint_cues, sec_cues
from sgan.seeds.image import SeedInference, SeedRule
from sgan.settings import SganConfig
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES, assert_close, cases, expected, filled_network

BOAT_AND_TRAIN = (4, 19)
CELLS = 41


def sample_of(inputs):
    """What inference loads, from the rules of the case."""
    name, height, width = re.search(r"filled_input\('(\w+)', \((\d+),(\d+),3\)", inputs["image"]["rule"]).groups()
    size = (int(height), int(width))
    bgr = filled_input(name, (*size, 3), 0, 256).astype(np.uint8)
    cells = tuple(map(int, re.search(r":sal', \((\d+),(\d+)\)", inputs["saliency"]["rule"]).groups()))
    blocks = filled_input(f"{name}:sal", cells, 0, 40).repeat(10, 0).repeat(10, 1)
    saliency = blocks[: size[0], : size[1]].astype(np.uint8)
    tags = np.isin(np.arange(20), np.array(inputs["tags"]) - 1).astype(np.float32)
    raw = {"id": name, "image": bgr[:, :, ::-1], "saliency": saliency, "tags": tags}
    config = SganConfig()
    converted = NetworkInput(config.resize, Normalisation(config.mean, ()), config.sal_thresh).convert(raw)
    cue = saliency.astype(np.float32) / np.float32(255)
    return {**converted, "size": size, "keys": np.flatnonzero(tags), "cue": cue}


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("end_to_end.npz", "e2e_"))
def test_seed_of_an_image(case):
    inputs, wanted, tolerance = CASES[case]["inputs"], expected(case), CASES[case]["tolerance"]
    sample, config, network = sample_of(inputs), SganConfig(), filled_network()
    with torch.inference_mode():
        maps = network.maps(sample["image"][None], sample["salient"][None])
    assert_close(maps.cam[0, :, ::5, ::5].numpy(), wanted["cam"], tolerance["cam"])
    assert_close(maps.segmentation[0, :, ::5, ::5].numpy(), wanted["seg"], tolerance["seg"])
    rule = SeedRule(config, BOAT_AND_TRAIN, CELLS)
    (seeded,) = SeedInference(network, rule, True, torch.device("cpu"))([sample])
    assert seeded.label_map.dtype == np.uint8
    assert (seeded.label_map == wanted["png"]).mean() >= 0.995
    saliency = zoom_linear(sample["cue"], (CELLS, CELLS))
    assert (rule.labels(seeded.maps, saliency, sample["keys"]) == wanted["seed41_combined"]).mean() >= 0.995
    cues = sec_cues(maps.cam[0].numpy(), saliency, sample["keys"], config.cam_thresh, config.sal_thresh)
    assert (paint_cues(cues, BOAT_AND_TRAIN) == wanted["seed41_cam_only"]).mean() >= 0.995
