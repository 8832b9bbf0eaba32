"""The VGG16 network and the multi-scale test of the segmentation stage equal the published ones."""

import numpy as np
import pytest
import torch

from common.crf.presets import PRESETS
from deeplabv2.crf import ImageCrf
from deeplabv2.inference import largest_label
from deeplabv2.networks.dsrg import DeepLabVGG16
from deeplabv2.networks.settings import RATES
from tests.parity.fill import filled_input, filled_state_dict
from tests.parity.sgan_cases import CASES, KEYS, assert_close, cases, expected
from tests.parity.sgan_segmentation_inputs import scene_image, segment, stand_in_scores

NETWORK = cases("deeplab_vgg16.npz", "net_")
MULTI_SCALE = cases("deeplab_vgg16.npz", "test_ms")
SIDES = [288, 385, 481]
SHAPES = KEYS["deeplab_vgg16_aspp"]


def test_every_open_case_is_checked():
    assert set(cases("deeplab_vgg16.npz", "")) == {*NETWORK, *MULTI_SCALE}


@pytest.fixture(scope="module")
def network():
    network = DeepLabVGG16(21, RATES)
    network.load_state_dict({key: torch.from_numpy(value) for key, value in filled_state_dict(SHAPES).items()})
    return network.eval()


def test_tensors_have_the_published_names_and_shapes(network):
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == SHAPES


@pytest.mark.parametrize("case", NETWORK)
def test_logits(network, case):
    image = CASES[case]["inputs"]["image"]
    with torch.inference_mode():
        logits = network(torch.from_numpy(filled_input(image["name"], tuple(image["shape"]))))
    assert_close(logits.numpy(), expected(case)["fc8_merge"], CASES[case]["tolerance"])


class StandIn:
    """Answers with the scores of the case; keeps what it was asked."""

    def __init__(self, case):
        self.case, self.asked = case, {}

    def __call__(self, images):
        self.asked[images.shape[3]] = images
        return stand_in_scores(self.case, images.shape[3])[None]


def close(case, key, actual):
    assert_close(actual, expected(case)[key], CASES[case]["tolerance"]["prob"])


@pytest.mark.parametrize("case", MULTI_SCALE)
def test_multi_scale_probabilities(case):
    stand_in = StandIn(case)
    probabilities = segment(stand_in, scene_image(case), SIDES, "published")
    shapes = [list(images.shape) for images in stand_in.asked.values()]
    assert [*shapes, [1, 3, 321, 321]] == CASES[case]["inputs"]["sizes"]
    asked = stand_in.asked[288][0, :, ::40, ::40].numpy()
    assert_close(asked, expected(case)["input_288"], CASES[case]["tolerance"]["input_288"])
    values = probabilities.transpose(1, 2, 0)
    close(case, "prob_ms", values[::6, ::6])
    close(case, "last_row_prob", values[-1, ::6])
    close(case, "last_col_prob", values[::6, -1])
    assert (probabilities.argmax(0)[::2, ::2] == expected(case)["argmax_ms"]).mean() >= 0.995


@pytest.mark.parametrize("case", MULTI_SCALE)
def test_repaired_edges(case):
    values = segment(StandIn(case), scene_image(case), SIDES).transpose(1, 2, 0)
    close(case, "repaired_last_row_prob", values[-1, ::6])
    close(case, "repaired_last_col_prob", values[::6, -1])


@pytest.mark.parametrize("case", MULTI_SCALE)
def test_single_scale_probabilities(case):
    values = segment(StandIn(case), scene_image(case), [321], "published")
    close(case, "prob_single", values.transpose(1, 2, 0)[::6, ::6])


@pytest.mark.parametrize("case", MULTI_SCALE)
def test_crf_and_tags(case):
    image = scene_image(case)
    refined = ImageCrf(PRESETS["sec"], "rgb")(image, segment(StandIn(case), image, SIDES, "published"))
    close(case, "prob_crf", refined.transpose(1, 2, 0)[::6, ::6])
    assert (largest_label(refined)[::2, ::2] == expected(case)["argmax_crf"]).mean() >= 0.995
    tags = np.zeros(20, np.float32)
    tags[[2, 6]] = 1
    assert (largest_label(refined, tags)[::2, ::2] == expected(case)["argmax_crf_tags"]).mean() >= 0.995
