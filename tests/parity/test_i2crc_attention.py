"""Attention maps at image size, and all that leads from an image to its initial label, equal the published ones."""

import numpy as np
import pytest
import torch

from common.cam.attention_files import attention_bytes
from common.pseudo_labels.rule import Evidence
from i2crc.attention import AttentionConfig, AttentionMaps, attention
from i2crc.labels import InitialLabelConfig, InitialLabels
from i2crc.samples import SquaredConfig, SquareLoader
from tests.parity.i2crc_cases import CLASSIFIER, OneImage, args, cases, check, given, shared_network, tensor


def by_name(keys, maps):
    """Arrays of the published files: attention of each class in bytes."""
    return {f"att_{key}": one for key, one in zip(keys, attention_bytes(maps), strict=True)}


@pytest.mark.parametrize("case", cases("cam_png"))
def test_attention_of_given_maps(case):
    (maps,), keys = tensor(*given(case)), args(case)["labels"]
    size = (args(case)["image_height"], args(case)["image_width"])
    check(case, by_name(keys, attention(maps[keys].relu(), size)))


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("chain"))
def test_from_the_image_to_its_label(case):
    image, saliency = given(case)
    network, config = shared_network(CLASSIFIER), AttentionConfig()
    tags = np.zeros(network.extra_convs[-1].out_channels, np.float32)
    tags[args(case)["labels"]] = 1
    sample = SquareLoader(OneImage(image, tags), SquaredConfig().side, config, "imagenet")(case)
    (cams,) = AttentionMaps(network, config, torch.device("cpu"))([sample])
    label = InitialLabels(InitialLabelConfig(), config.eight_bits)(Evidence(case, cams, saliency=saliency))
    check(case, {**by_name(*cams), "label": label})
