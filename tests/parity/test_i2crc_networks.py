"""Maps and logits of the classifier equal the published ones; so do the names and shapes of its tensors."""

import pytest
import torch

from i2crc.network import classifier_content
from tests.parity.i2crc_cases import (
    CLASSIFIER,
    KEYS,
    cases,
    check,
    empty_network,
    expected,
    given,
    shared_network,
    tensor,
)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases("vgg_forward"))
def test_maps_and_logits(case):
    with torch.inference_mode():
        scores = shared_network(CLASSIFIER)(tensor(*given(case)))
    computed = {"logits": scores.logits, "cam": scores.maps, "cam_slice": scores.maps}
    check(case, {name: computed[name] for name in expected(case)})


def test_tensors_have_the_published_names_and_shapes():
    state = classifier_content(empty_network(CLASSIFIER), 0, 0)["state_dict"]
    shapes = {name.removeprefix("module."): list(value.shape) for name, value in state.items()}
    assert shapes == KEYS[CLASSIFIER] and all(name.startswith("module.") for name in state)
