import random

import numpy as np
import pytest
import torch

from common.data.transforms import ToTensors
from deeplabv2.samples import InputTensors, caffe_input, imagenet_input

MEAN_BGR = (104.008, 116.669, 122.675)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)


def test_a_caffe_network_gets_bgr_minus_the_mean(image):
    tensor = caffe_input(MEAN_BGR).image(image)
    wanted = image[..., ::-1].astype(np.float32) - np.float32(MEAN_BGR)
    np.testing.assert_array_equal(tensor.numpy(), wanted.transpose(2, 0, 1))
    assert tensor.dtype == torch.float32


def test_a_network_with_imagenet_weights_gets_what_these_expect(image):
    torch.testing.assert_close(imagenet_input().image(image), ToTensors().image(image), rtol=0, atol=1e-6)


@pytest.mark.parametrize("convention", [caffe_input(MEAN_BGR), imagenet_input()], ids=["caffe", "imagenet"])
def test_the_colour_of_the_padding_becomes_zero(convention):
    dtype = np.float32 if convention.resize_in_float else np.uint8
    tensor = convention.image(np.full((1, 1, 3), convention.fill, dtype))
    assert tensor.abs().max() <= (0 if convention.resize_in_float else 0.01)


def test_tensors_of_a_sample_keep_their_mask(image):
    sample = InputTensors(caffe_input(MEAN_BGR))({"image": image, "mask": image[..., 0]}, random.Random())
    np.testing.assert_array_equal(sample["mask"].numpy(), image[..., 0])
    assert sample["image"].shape == (3, 7, 5)
