"""Multi-scale inputs, fused maps and label maps equal the published ones."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from common.cam.inference import PyramidLoader, finite_sum, resize_maps
from common.pseudo_labels.background import constant
from common.pseudo_labels.labels import pseudo_label
from smaf.fusion import FUSIONS
from smaf.settings import SmafSettings
from tests.parity.smaf_cases import (
    CASES,
    args,
    cases,
    check,
    coarsest,
    entry,
    given,
    network_for,
    network_that_gives,
    tensor,
    value,
)

STRIDE = 8


def config_of(case):
    """The method's fusion, at the scales of the case where it names some."""
    config = SmafSettings().cam
    config.scales = args(case).get("scales", config.scales)
    return config


def pyramid_of(case, image):
    """What the loader makes of the image, an image of the classes of the case."""
    tags = np.zeros(1 + max(args(case).get("labels", [0])))
    tags[args(case).get("labels", [])] = 1
    images = SimpleNamespace(read=lambda image_id: {"image": image, "tags": tags})
    return PyramidLoader(images, config_of(case))(case)


@pytest.mark.parametrize("case", cases("multi_scale_preprocess"))
def test_multi_scale_inputs(case):
    pyramid = pyramid_of(case, given(case).astype(np.uint8))["pyramid"]
    passes = [one for level in pyramid for one in (level, level.flip(2))]
    computed = {"sizes": [list(one.shape) for one in passes]}
    for name in CASES[case]["arrays"].keys() - {"sizes"}:
        level, mirrored = re.fullmatch(r"s(\d+)(_flip)?", name).groups()
        computed[name] = coarsest(passes[2 * int(level) + bool(mirrored)], case, name)
    check(case, computed)


class Fusion(FUSIONS["maximum"]):
    """The published fusion that also gives the maxima by which the classes were divided."""

    def fused(self, sample, maps):
        total = finite_sum([resize_maps(one, sample["size"]) for one in maps])
        return super().fused(sample, maps), total.flatten(1).amax(1)


class AnySign(Fusion):
    """Fusion of maps that a stand-in gives without their ReLU."""

    def kept(self, maps):
        return maps


class RawMaps(nn.Module):
    """The baseline without network and ReLU."""

    def __init__(self, maps_of_image):
        super().__init__()
        self.class_maps = maps_of_image


def given_maps(case, pyramid):
    """The passes of a case, images with the maps that the network gives of them."""
    name, described = entry(case, ".cam.{i}")
    channels = int(re.search(r"of shape \(1, (\d+),", described["rule"])[1])
    pairs = []
    for level in pyramid:
        size = [-(-side // STRIDE) for side in level.shape[1:]]
        for image in (level, level.flip(2)):
            maps = value(name.format(i=len(pairs)), (channels, *size), described["rule"])
            pairs.append((image, tensor(maps)))
    return pairs


def fused(case, image):
    """Sample, maps and maxima of a case."""
    sample, config, cpu = pyramid_of(case, image), config_of(case), torch.device("cpu")
    if CASES[case]["weights"]:
        inference = Fusion(network_for(case), config, cpu)
    else:
        given_network = network_that_gives(given_maps(case, sample["pyramid"]))
        if args(case)["kind"] == "cls":
            inference = AnySign(RawMaps(given_network.backbone), config, cpu)
        else:
            inference = Fusion(given_network, config, cpu)
    return sample, *inference([sample])[0]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow) if CASES[case]["weights"] else case
        for case in cases("infer", "fused_maps")
    ],
)
def test_fused_maps_and_label_maps(case):
    described = CASES[case]["inputs"][0]
    image = value(described["name"], described["shape"], described["rule"]).astype(np.uint8)
    sample, (keys, maps), maxima = fused(case, image)
    assert keys.tolist() == sorted(args(case)["labels"])
    labels = pseudo_label(maps, keys, constant(args(case)["thr"], sample["size"]))
    computed = {"norm_cam": maps, "maps": maps, "sum_max": maxima, "pred": labels}
    check(case, {name: computed[name] for name in CASES[case]["arrays"]})
