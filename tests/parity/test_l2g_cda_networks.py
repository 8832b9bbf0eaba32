import numpy as np
import pytest
import torch

from common.models.resnet38 import published_tensor_name
from tests.parity.l2g_cda_cases import (
    CASES,
    KEYS,
    N_CLASSES,
    cases_of,
    close_to_scale,
    expected,
    filled_network,
    made,
    meta_network,
    published_shapes,
)

RENAMING = "networks/renaming"
OUTPUTS = [case for case in cases_of("networks") if case != RENAMING]


@pytest.mark.parametrize("net", N_CLASSES)
def test_tensors_have_the_published_names_and_shapes(net):
    assert published_shapes(meta_network(net)) == KEYS[net]


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if "320" in case else case for case in OUTPUTS]
)
def test_scores_logits_and_taps(case):
    spec, wanted = CASES[case], expected(case)
    network = filled_network(spec["network"])
    images = made(spec["input"]["name"], spec["input"]["shape"])
    with torch.inference_mode():
        scores, taps = network(images), network.backbone.taps(images)
        plain = network.fc8(network.backbone(images))
    step = 4 if "every 4th" in spec["arrays"]["featmap"] else 1
    close_to_scale(scores.maps[:, :, ::step, ::step], wanted["featmap"], 1e-3)
    close_to_scale(scores.logits, wanted["pred"], 1e-3)
    close_to_scale(plain[:, :, ::step, ::step], wanted["cam_without_pcm"], 1e-3)
    for name, tap in taps._asdict().items():
        close_to_scale(tap[:, :: tap.shape[1] // 16, ::3, ::3], wanted[name], 1e-3)
        statistics = [tap.double().mean(), tap.double().std(), tap.double().max()]
        np.testing.assert_allclose(statistics, wanted[f"{name}_mean_std_max"], rtol=1e-3)


@pytest.mark.parametrize("case", [RENAMING])
def test_imagenet_tensors_are_renamed(case):
    examples = CASES[case]["examples"]
    assert {name: published_tensor_name(name) for name in examples} == examples
    assert [published_tensor_name(name) for name in CASES[case]["dropped"]] == [None, None]
