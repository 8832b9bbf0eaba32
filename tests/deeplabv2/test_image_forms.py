"""Scales whose logits are summed at image size, and images on a canvas."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from common.errors import DataError
from deeplabv2.image_forms import OnCanvas, SummedScales
from deeplabv2.inference import Predictor
from deeplabv2.samples import imagenet_input
from tests.deeplabv2.halves import Halves

CPU = torch.device("cpu")
INPUT = imagenet_input()


@pytest.fixture
def network():
    return Halves().eval()


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def sample_of(form, image, tags=None):
    size = image.shape[:2]
    return {"id": "a", "path": Path("a.jpg"), "inputs": form.inputs(image, INPUT), "size": size, "tags": tags}


def test_logits_of_all_scales_and_mirror_images_are_added_at_image_size(network):
    image, scales = picture(9, 14), (0.5, 1.0, 1.5)
    form = SummedScales("fp32", scales, flip=True)
    (prediction,) = Predictor(form, network, CPU, label_maps=True)([sample_of(form, image)])
    total = torch.zeros(1, 5, 9, 14)
    for scale in scales:
        size = (round(14 * scale), round(9 * scale))
        inputs = INPUT.image(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)))[None]
        for mirrored in (False, True):
            logits = network(inputs.flip(3) if mirrored else inputs)
            enlarged = functional.interpolate(logits, (9, 14), mode="bilinear", align_corners=False)
            total += enlarged.flip(3) if mirrored else enlarged
    np.testing.assert_allclose(prediction.logits[0], total[0].detach(), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(prediction.label_map, prediction.logits[0].argmax(0))
    probabilities = form.probabilities(prediction.logits, (9, 14))
    np.testing.assert_allclose(probabilities, torch.from_numpy(prediction.logits[0]).softmax(0), rtol=1e-5)


def test_images_of_several_sizes_come_back_in_their_order(network):
    form = SummedScales("fp32", (0.5, 1.0))
    sizes = [(8, 12), (6, 6), (8, 12)]
    given = [sample_of(form, picture(*size)) for size in sizes]
    predictions = Predictor(form, network, CPU, label_maps=True)(given)
    assert [prediction.label_map.shape for prediction in predictions] == sizes


def test_with_tags_the_label_map_is_left_to_those_who_know_them(network):
    form = SummedScales("fp32")
    (prediction,) = Predictor(form, network, CPU, label_maps=True)([sample_of(form, picture(4, 4), np.ones(4))])
    assert prediction.label_map is None and prediction.tags.tolist() == [1] * 4


def test_on_a_canvas_images_of_any_size_pass_together_and_lose_the_rest(network):
    form = OnCanvas("fp32", canvas=16)
    images = [picture(9, 14), picture(16, 4)]
    calls = []
    predictor = Predictor(form, network, CPU, label_maps=True)
    predictor.network.register_forward_hook(lambda module, inputs, outputs: calls.append(inputs[0].clone()))
    predictions = predictor([sample_of(form, image) for image in images])
    assert calls[0].shape == (2, 3, 16, 16)
    assert torch.equal(calls[0][0, :, :9, :14], INPUT.image(images[0]))
    assert calls[0][0, :, 9:].abs().sum() == 0 and calls[0][0, :, :, 14:].abs().sum() == 0
    assert [prediction.label_map.shape for prediction in predictions] == [(9, 14), (16, 4)]
    with torch.inference_mode():
        logits = network(calls[0])
    full = functional.interpolate(logits, (16, 16), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(predictions[0].logits[0], full[0, :, :9, :14], rtol=1e-4, atol=1e-5)


def test_an_image_larger_than_the_canvas_is_an_error():
    with pytest.raises(DataError, match=r"17x9 pixels does not fit on test\.canvas 16"):
        OnCanvas("fp32", canvas=16).inputs(picture(9, 17), INPUT)


def test_what_the_logits_depend_on_is_recorded():
    assert OnCanvas("fp32", canvas=16).record()["canvas"] == 16
    assert SummedScales("fp32").record()["summed"] is True
