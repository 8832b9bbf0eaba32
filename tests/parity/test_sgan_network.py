"""The network equals the published one: tensor names, every map, the attention and the normalisers with gradients."""

import numpy as np
import pytest
import torch

from sgan.attention import NORMALISERS, attention_weights, dense_context, salient_context
from sgan.backbone import SganVGG16
from sgan.network import SGAN
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import (
    CASES,
    KEYS,
    assert_close,
    cases,
    expected,
    filled_network,
    salient_mask,
    stored_part,
)

NETWORKS = cases("network.npz", "net_")


def test_tensors_have_the_published_names_and_shapes():
    with torch.device("meta"):
        network = SGAN(SganVGG16())
    assert {key: list(tensor.shape) for key, tensor in network.state_dict().items()} == KEYS["sgan_vgg16"]


@pytest.mark.parametrize("dense", [False, True], ids=["linear", "dense"])
@pytest.mark.parametrize(
    "case", [pytest.param(name, marks=pytest.mark.slow if "321" in name else ()) for name in NETWORKS]
)
def test_maps(case, dense):
    inputs, wanted, tolerance = CASES[case]["inputs"], expected(case), CASES[case]["tolerance"]
    network = filled_network(dense)
    images = torch.from_numpy(filled_input(inputs["image"]["name"], inputs["image"]["shape"]))
    size = tuple(wanted["feat_hw"])
    mask = salient_mask(inputs["mask"]["name"], (len(images), *size), inputs["mask"]["mode"])
    with torch.inference_mode():
        maps = network.maps(images, mask)
        score, _ = network(images, mask)
        difference = network.attend(maps.features, mask) - maps.features
    assert maps.features.shape[2:] == size
    found = {
        "seg": maps.segmentation,
        "cam": maps.cam,
        "conv": maps.features,
        "fuse_minus_conv": difference,
    }
    assert_close(score.numpy(), wanted["score"], tolerance)
    for name, value in found.items():
        assert_close(value.numpy()[stored_part(inputs["slices"][name])], wanted[name], tolerance)
    assert_close(maps.features.abs().mean().numpy(), wanted["conv_mean_abs"], tolerance)


@pytest.mark.parametrize("case", cases("network.npz", "attention"))
def test_attention_weights_and_context(case):
    spec, wanted = CASES[case], expected(case)
    shape = spec["inputs"]["feature"]["shape"]
    features = torch.from_numpy(filled_input(spec["inputs"]["feature"]["name"], shape))
    mask = salient_mask(spec["inputs"]["mask"]["name"], (shape[0], *shape[2:]))
    mask[1] = 0
    network = filled_network()
    with torch.inference_mode():
        query, key = network.f_query(features).flatten(2), network.f_key(features).flatten(2)
        weights = attention_weights(query, key, mask.flatten(1))
        difference = network.attend(features, mask) - features
    assert_close(weights.numpy(), wanted["weights"], spec["tolerance"])
    assert_close(weights.sum(2).numpy(), wanted["row_sums"], spec["tolerance"])
    assert_close(
        difference.numpy()[stored_part(spec["inputs"]["slices"]["fuse_minus_x"])],
        wanted["fuse_minus_x"],
        spec["tolerance"],
    )


@pytest.mark.parametrize("name", NORMALISERS)
@pytest.mark.parametrize("case", cases("network.npz", "normalisers"))
def test_normalisers_and_their_gradients(case, name):
    spec, wanted = CASES[case], expected(case)
    own, shape = spec["inputs"]["x"]["name"], spec["inputs"]["x"]["shape"]
    scores = torch.from_numpy(filled_input(own, shape)).requires_grad_()
    mask = torch.from_numpy(filled_input(f"{own}:mask", shape, 0, 2).astype(np.float32))
    mask[0, 0, :] = 0
    factors = torch.from_numpy(filled_input(f"{own}:w", shape))
    weights = NORMALISERS[name](scores, mask)
    (gradient,) = torch.autograd.grad((weights * factors).sum(), scores)
    assert_close(weights.detach().numpy(), wanted[name], spec["tolerance"])
    assert_close(gradient.numpy(), wanted[f"{name}_grad"], spec["tolerance"])


def test_linear_attention_has_the_gradients_of_the_dense_one():
    parts = [torch.from_numpy(filled_input(f"att:{name}", (2, 6, 30))).double() for name in ("q", "k", "x", "w")]
    mask = salient_mask("att", (2, 5, 6)).flatten(1)
    query, key, values = (part.requires_grad_() for part in parts[:3])
    gradients = [
        torch.autograd.grad((function(query, key, values, mask) * parts[3]).sum(), (query, key, values))
        for function in (salient_context, dense_context)
    ]
    for linear, dense in zip(*gradients, strict=True):
        torch.testing.assert_close(linear, dense, rtol=1e-9, atol=1e-10)
