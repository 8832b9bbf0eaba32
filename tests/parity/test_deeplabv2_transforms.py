"""Training, test and demo items equal those of the published data sets."""

import random

import numpy as np
import pytest
import torch

from common.data.sampling import Sample
from deeplabv2.samples import InputTensors, caffe_input, demo_image, scaled_crop
from tests.parity.deeplabv2_cases import (
    CASES,
    DEMO_ITEM,
    EVAL_ITEM,
    SEEDED_ITEMS,
    TRAINING_ITEM,
    expected,
    made,
    statistics,
)

MEAN_BGR = (104.008, 116.669, 122.675)
CAFFE = caffe_input(MEAN_BGR)


class Drawn:
    """A random state that draws what the case says, and checks what it is asked for."""

    def __init__(self, draws):
        self.scale, self.offsets, self.flip = draws["scale"], list(draws["offsets_h_w"]), draws["flip"]
        self.asked = []

    def choice(self, options):
        self.asked.append("choice")
        return self.scale

    def randint(self, low, high):
        self.asked.append(f"randint({low},{high})")
        return self.offsets.pop(0)

    def random(self):
        self.asked.append("random")
        return 0.0 if self.flip else 0.9


def sample_of(case) -> Sample:
    """The case's image, whose channels are B, G, R, as the toolbox holds it: RGB."""
    inputs = CASES[case]["input"]
    image = made(inputs["image"])[..., ::-1].astype(np.float32)
    return {"image": np.ascontiguousarray(image), "mask": made(inputs["label"]).astype(np.uint8)}


def check_image(case, image, stored):
    step = -(-image.shape[1] // stored.shape[1])
    atol = CASES[case]["tolerance"]["image_atol"]
    np.testing.assert_allclose(image[:, ::step, ::step].numpy(), stored, rtol=0, atol=atol)


@pytest.mark.parametrize("case", TRAINING_ITEM)
def test_training_item(case):
    params, draws, wanted = CASES[case]["params"], CASES[case]["draws"], expected(case)
    drawn = Drawn(draws)
    transform = scaled_crop(
        caffe_input(params["mean_bgr"]), [draws["scale"]], params["crop"], params["base_size"] or 0, params["ignore"]
    )
    item = transform(sample_of(case), drawn)
    assert drawn.asked == draws["order_of_draws"]
    assert list(item["image"].shape) == wanted["image_shape"].tolist()
    check_image(case, item["image"], wanted["image"])
    atol = CASES[case]["tolerance"]["image_atol"]
    np.testing.assert_allclose(statistics(item["image"]), wanted["image_stats"], rtol=0, atol=atol)
    np.testing.assert_array_equal(item["mask"].numpy(), wanted["label"])


@pytest.mark.parametrize("case", SEEDED_ITEMS)
def test_items_of_a_seeded_random_state(case):
    params, wanted = CASES[case]["params"], expected(case)
    transform = scaled_crop(CAFFE, params["scales"], params["crop"])
    rng = random.Random(0)
    items = [transform(sample_of(case), rng) for _ in wanted["images"]]
    for item, image, labels in zip(items, wanted["images"], wanted["labels"], strict=True):
        check_image(case, item["image"], image)
        np.testing.assert_array_equal(item["mask"][::2, ::2].numpy(), labels)


@pytest.mark.parametrize("case", EVAL_ITEM)
def test_evaluation_item(case):
    wanted = expected(case)
    item = InputTensors(caffe_input(CASES[case]["params"]["mean_bgr"]))(sample_of(case), random.Random())
    assert list(item["image"].shape) == wanted["image_shape"].tolist()
    check_image(case, item["image"], wanted["image"])
    np.testing.assert_array_equal(item["mask"].numpy(), wanted["label"])
    assert item["mask"].dtype == torch.int64


@pytest.mark.parametrize("case", DEMO_ITEM)
def test_demo_item(case):
    wanted = expected(case)
    bgr = made(CASES[case]["input"]).astype(np.uint8)
    resized = demo_image(np.ascontiguousarray(bgr[..., ::-1]))
    item = CAFFE.image(resized)
    assert [1, *item.shape] == wanted["shape"].tolist()
    atol = CASES[case]["tolerance"]["image_atol"]
    np.testing.assert_allclose(item[:, ::13, ::13].numpy(), wanted["image"], rtol=0, atol=atol)
    stored = wanted["raw"].astype(np.float32)
    np.testing.assert_allclose(resized[::13, ::13, ::-1].astype(np.float32), stored, rtol=0, atol=atol)
