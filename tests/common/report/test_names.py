"""No name of the code reaches a reader."""

import pytest

from common.report.names import field_name, group_name, loss_name, network_name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("map0", "segmentation"),
        ("map2", "segmentation, output 3"),
        ("map0_own", "segmentation, the network's own labels"),
        ("map1_background", "segmentation, output 2, background"),
        ("map0_unknown", "map0 unknown"),
        ("within_object", "difference within the object"),
        ("a_new_loss", "a new loss"),
    ],
)
def test_losses_have_words(name, words):
    assert loss_name(name) == words


def test_groups_of_one_network_keep_different_names():
    groups = [
        "all",
        "bias",
        "head",
        "head_vectors",
        "head_bias",
        "backbone",
        "backbone_vectors",
        "backbone_bias_vectors",
    ]
    names = [group_name(one) for one in groups]
    assert len(set(names)) == len(names) and not any("_" in one or "vectors" in one for one in names)
    assert group_name("decoder") == "decoder"


def test_fields_have_words():
    assert (field_name("kept_miou"), field_name("seed")) == ("mIoU of the pixels with a label", "seed")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("train", "classifier"),
        ("round2", "classifier of round 2"),
        ("DeepLabV2_ResNet101_MSC", "DeepLab-v2 ResNet101, multi-scale"),
        ("DeepLabV3Plus", "DeepLab-v3+"),
        ("SGAN", "SGAN"),
        ("given network", "given network"),
    ],
)
def test_networks_have_words(name, words):
    assert network_name(name) == words
