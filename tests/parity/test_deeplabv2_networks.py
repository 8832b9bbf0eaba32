"""The networks equal the published ones: tensors by name, outputs, pyramid."""

import numpy as np
import pytest
import torch

from common.cores import torch_threads
from deeplabv2.networks.registry import bare_network
from deeplabv2.resize import enlarge_maps, resize_by
from tests.parity.deeplabv2_cases import (
    CASES,
    EVAL_OUTPUT,
    KEYS,
    LOGITS_TO_LABELS,
    PYRAMID,
    TAPS,
    TRAIN_OUTPUTS,
    close_to_scale,
    expected,
    filled_network,
    made,
    network_of,
    statistics,
)

PARTS = ("layer1", "layer2", "layer3", "layer4", "layer5", "aspp")


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


@pytest.mark.parametrize("net", KEYS)
def test_tensors_have_the_published_names_and_shapes(net):
    with torch.device("meta"):
        network = bare_network(network_of(net))
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == KEYS[net]


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if "321" in case else case for case in EVAL_OUTPUT]
)
def test_eval_output(case):
    spec, wanted = CASES[case], expected(case)
    network = filled_network(spec["net"], spec["weights"])
    with torch.inference_mode():
        output = network(torch.from_numpy(made(spec["input"])))
    assert list(output.shape) == spec["out_shape"]
    step = -(-output.shape[2] // wanted["out"].shape[2])
    tolerance = spec["tolerance"]["max_abs_error_over_max_abs"]
    close_to_scale(output[:, :, ::step, ::step].numpy(), wanted["out"], tolerance)
    close_to_scale(statistics(output), wanted["stats"], tolerance)


@pytest.mark.parametrize("case", TAPS)
def test_output_of_every_part(case):
    spec, wanted = CASES[case], expected(case)
    features = torch.from_numpy(made(spec["input"]))
    base = filled_network(spec["net"], spec["weights"]).base
    for name in PARTS:
        with torch.inference_mode():
            features = base.get_submodule(name)(features)
        assert list(features.shape) == wanted[f"{name}_shape"].tolist()
        stored = features[:, :: 1 if name == "aspp" else 16, ::2, ::2].numpy()
        tolerance = spec["tolerance"]["max_abs_error_over_max_abs"]
        close_to_scale(stored, wanted[name], tolerance)
        close_to_scale(statistics(features), wanted[f"{name}_stats"], tolerance)


@pytest.mark.parametrize("case", TRAIN_OUTPUTS)
def test_training_mode_gives_every_map_and_leaves_batchnorm_alone(case):
    spec, wanted = CASES[case], expected(case)
    network = filled_network(spec["net"], spec["weights"])
    before = network.base.layer1.conv1.bn.running_mean.clone()
    network.train()
    with torch.inference_mode():
        maps = network(torch.from_numpy(made(spec["input"])))
    network.eval()
    assert len(maps) == len(wanted)
    for number, output in enumerate(maps):
        close_to_scale(output.numpy(), wanted[f"out{number}"], spec["tolerance"]["max_abs_error_over_max_abs"])
    assert torch.equal(network.base.layer1.conv1.bn.running_mean, before)


@pytest.mark.parametrize("case", PYRAMID)
def test_pyramid_input(case):
    spec, wanted = CASES[case], expected(case)
    images = torch.from_numpy(made(spec["input"]))
    atol = spec["tolerance"]["atol"]
    for key, shape in wanted.items():
        if not key.startswith("shape_"):
            continue
        scale = key.removeprefix("shape_")
        for convention, kind, last in (("current", "given", "last"), ("recomputed", "recomputed", "last_recomputed")):
            reduced = resize_by(images, float(scale), convention)
            assert list(reduced.shape) == shape.tolist()
            stored = wanted[f"{kind}_{scale}"]
            step = -(-reduced.shape[2] // stored.shape[1])
            np.testing.assert_allclose(reduced[0, :, ::step, ::step].numpy(), stored, rtol=0, atol=atol)
            np.testing.assert_allclose(reduced[0, :, -1, -8:].numpy(), wanted[f"{last}_{scale}"], rtol=0, atol=atol)


@pytest.mark.parametrize("case", LOGITS_TO_LABELS)
def test_logits_become_labels_at_image_size(case):
    spec, wanted = CASES[case], expected(case)
    probabilities = enlarge_maps(torch.from_numpy(made(spec["input"])), spec["input"]["target"]).softmax(1)[0]
    assert (probabilities.argmax(0).numpy() == wanted["labels"]).mean() >= 0.999
    np.testing.assert_allclose(
        probabilities[:, ::9, ::9].numpy(), wanted["prob"], rtol=0, atol=spec["tolerance"]["prob_atol"]
    )
