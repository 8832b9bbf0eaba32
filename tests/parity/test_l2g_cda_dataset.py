"""Training items, their parts and the inference pyramid equal the published ones."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from common.cam.inference import PyramidLoader
from common.data.colours import ADJUSTMENTS, NORMALISATIONS
from common.data.sampling import SampleKey
from common.data.transforms import ToTensors
from l2g_cda.bank import ForegroundBank
from l2g_cda.maps import L2GCam
from l2g_cda.objects import Foreground
from l2g_cda.pasting import CdaConfig, PastedTwins, least_overlap
from l2g_cda.views import (
    ViewConfig,
    ViewMaker,
    collate,
    crop_or_black,
    cut_patches,
    draw_boxes,
    draw_crop,
    resize_short_side,
    short_side_size,
)
from tests.parity.l2g_cda_cases import CASES, cases_of
from tests.parity.l2g_cda_data import TwoStreams, picture, stored

NO_JITTER = (0.0, 0.0, 0.0, 0.0)
CHECKED = (
    "labels", "overlap_retry", "boxes_voc", "boxes_coco", "crop_box", "resize_short", "jitter", "normalise", "coco_item",
    "voc_item", "ms",
)  # fmt: skip


def test_every_open_case_is_checked():
    assert set(cases_of("dataset")) == {f"dataset/{name}" for name in CHECKED}


def growing_counts(labels):
    """Positive classes of pasted and original view, and of their patches, of indices 0, 1, 2 in two epochs."""
    image, tags = np.zeros((80, 80, 3), np.uint8), np.zeros((3, 20), np.float32)
    for index, count in enumerate((2, 1, 2)):
        tags[index, :count] = 1
    samples = [{"id": str(i), "image": image, "saliency": image[..., 0], "tags": tags[i]} for i in range(3)]
    square = np.full((8, 8), 255, np.uint8)
    objects = {
        c: [Foreground(np.zeros((8, 8, 3), np.uint8), np.full((8, 8), c + 1, np.uint8), square)] for c in range(20)
    }
    views = ViewConfig(short_side=64, input_size=56, patch_side=40, jitter=NO_JITTER)
    twins = PastedTwins(samples, ViewMaker(views), 0, ForegroundBank(objects), CdaConfig(twin_tags=labels))
    pairs = [twins[SampleKey(epoch, index)] for epoch in range(2) for index in range(3)]
    names = {"n_label": ("pasted", "tags"), "n_ori_label": ("original", "tags")}
    names |= {"n_local": ("pasted", "patch_tags"), "n_ori_local": ("original", "patch_tags")}
    return {name: [float(pair[twin][part].sum()) for pair in pairs] for name, (twin, part) in names.items()}


@pytest.mark.parametrize("case", ["dataset/labels"])
def test_labels_after_pasting(case):
    wanted = stored("dataset", "labels/")
    counts = growing_counts("growing")
    assert counts == {name: values.tolist() for name, values in wanted.items()}
    # With worker processes the damage ends with the epoch: both epochs are like the first.
    one_epoch = {name: values.tolist()[:3] * 2 for name, values in wanted.items()}
    assert growing_counts("published") == one_epoch
    true = one_epoch["n_ori_local"]
    repaired = {"n_label": [count + 1 for count in true], "n_local": [count + 1 for count in true]}
    assert growing_counts("repaired") == repaired | {"n_ori_label": true, "n_ori_local": true}


@pytest.mark.parametrize("case", ["dataset/overlap_retry"])
def test_overlap_retry(case):
    for sequence, wanted in zip(
        CASES[case]["sequences"], stored("dataset")["overlap_retry/calls_and_choice"], strict=True
    ):
        attempts = [SimpleNamespace(overlap=overlap, number=number) for number, overlap in enumerate(sequence)]
        remaining = iter(attempts)
        kept = least_overlap(lambda remaining=remaining: next(remaining), CASES[case]["cda_tr"], 10)
        assert [len(attempts) - len(list(remaining)), kept.number] == wanted.tolist()


@pytest.mark.parametrize(("case", "recipe"), [("dataset/boxes_voc", "voc"), ("dataset/boxes_coco", "coco")])
def test_boxes(case, recipe):
    params = CASES[case]
    config = ViewConfig(
        recipe=recipe, input_size=params["input_size"], patch_side=params["crop_size"], patches=params["patches"]
    )
    n_drawn = config.patches - (4 if recipe == "voc" else 0)
    rng = TwoStreams(3, n_drawn, config.input_size - config.patch_side)
    wanted = stored("dataset")[f"{case.removeprefix('dataset/')}/boxes"]
    np.testing.assert_array_equal(draw_boxes(config, rng), wanted[:, 1:])


@pytest.mark.parametrize("case", ["dataset/crop_box"])
def test_crop_box(case):
    wanted = stored("dataset", "crop_box/")
    for (width, height, seed), box in zip(wanted["in"].tolist(), wanted["out"].tolist(), strict=True):
        left, top = draw_crop((height, width), 448, "published", random.Random(seed))
        outside = [max(0, top + 448 - height), max(0, left + 448 - width)]
        assert [left, top, left + 448, top + 448, *outside] == box
    left, top = draw_crop((512, 683), 448, "published", random.Random(1))
    cut = crop_or_black(picture("cropimg", 512, 683, 3), left, top, 448)
    np.testing.assert_array_equal(cut[::32, ::32], wanted["pixels"])
    black = (cut == 0).all(axis=2)
    assert [black.all(axis=1).sum(), black.all(axis=0).sum()] == wanted["black_rows_cols"].tolist()


@pytest.mark.parametrize("case", ["dataset/crop_box"])
def test_a_repaired_crop_takes_left_from_the_width(case):
    for width, height, seed in stored("dataset")["crop_box/in"].tolist():
        left, top = draw_crop((height, width), 448, "repaired", random.Random(seed))
        assert 0 <= left <= width - 448 and 0 <= top <= height - 448


@pytest.mark.parametrize("case", ["dataset/resize_short"])
def test_resize_short_side(case):
    wanted = stored("dataset", "resize_short/")
    sizes = [short_side_size((height, width), 512) for width, height in CASES[case]["sizes"]]
    assert [[width, height] for height, width in sizes] == wanted["out"].tolist()
    small = picture("rs", 48, 64, 3)
    image, saliency = resize_short_side(small, small[..., 0], 96)
    assert np.abs(image[::5, ::5].astype(int) - wanted["bicubic"]).max() <= 1
    np.testing.assert_array_equal(saliency[::5, ::5], wanted["nearest"])


@pytest.mark.parametrize("case", ["dataset/jitter"])
@pytest.mark.parametrize("adjustment", stored("dataset", "jitter/"))
def test_jitter(case, adjustment):
    name, factor = adjustment.split("_")
    change, _ = ADJUSTMENTS[name]
    result = change(Image.fromarray(picture("jit", 32, 40, 3)), float(factor))
    wanted = stored("dataset")[f"{case.removeprefix('dataset/')}/{adjustment}"]
    assert np.abs(np.asarray(result).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("case", ["dataset/normalise"])
@pytest.mark.parametrize(("stored_as", "name"), [("voc", "imagenet"), ("coco", "coco")])
def test_normalise(case, stored_as, name):
    tensor = ToTensors(*NORMALISATIONS[name]).image(picture("jit", 32, 40, 3))
    wanted = stored("dataset")[f"{case.removeprefix('dataset/')}/{stored_as}"]
    np.testing.assert_allclose(tensor[:, ::8, ::8].numpy(), wanted, rtol=0, atol=1e-6)


def one_item(sample, config, rng):
    """A batch of one view, with its patches."""
    batch = collate([ViewMaker(config)(sample, rng)])
    patches = {"patches": "image", "sal": "saliency"}
    return batch | {name: cut_patches(batch[part], batch["boxes"], config.patch_side) for name, part in patches.items()}


def check_item(batch, wanted, class_numbers, steps):
    tags = torch.zeros(20)
    tags[class_numbers] = 1
    for name in ("image", "patches", "sal"):
        step = steps[name]
        images = batch[name] if name != "image" else batch["image"][0]
        np.testing.assert_allclose(images[..., ::step, ::step].numpy(), wanted[name], rtol=0, atol=2e-2)
    np.testing.assert_array_equal(batch["boxes"].numpy(), wanted["boxes"])
    assert torch.equal(batch["tags"][0], tags) and torch.equal(torch.from_numpy(wanted["label"]), tags)
    np.testing.assert_array_equal(batch["patch_tags"].numpy(), wanted["local"])


def sample_named(name, height, width, class_numbers):
    tags = np.zeros(20, np.float32)
    tags[class_numbers] = 1
    saliency = picture(f"{name}_sal", height, width)
    return {"id": name, "image": picture(name, height, width, 3), "saliency": saliency, "tags": tags}


@pytest.mark.parametrize("case", ["dataset/coco_item"])
def test_coco_item(case, monkeypatch):
    # The case was stored without normalisation.
    monkeypatch.setitem(NORMALISATIONS, "coco", ((0.0,) * 3, (1.0,) * 3))
    config = ViewConfig(recipe="coco", input_size=64, patch_side=40, patches=4, jitter=NO_JITTER, normalisation="coco")
    batch = one_item(sample_named("b", 70, 83, [19]), config, TwoStreams(5, 4, 24))
    check_item(batch, stored("dataset", "coco_item/"), [19], {"image": 4, "patches": 8, "sal": 8})


@pytest.mark.parametrize("case", ["dataset/voc_item"])
def test_voc_item(case):
    config = ViewConfig(jitter=NO_JITTER)
    batch = one_item(sample_named("c", 80, 76, [8, 11]), config, TwoStreams(6, 2, 128, python_seed=6))
    check_item(batch, stored("dataset", "voc_item/"), [8, 11], {"image": 32, "patches": 64, "sal": 32})


def multi_scale(image):
    """The image at every published scale, each followed by its mirror, as the inference makes it."""
    # The case was stored without normalisation.
    loader = PyramidLoader(SimpleNamespace(), L2GCam(), ToTensors((0.0,) * 3, (1.0,) * 3))
    levels = [loader.scaled(image, scale) for scale in L2GCam().scales]
    return [one for level in levels for one in (level, level.flip(-1))]


@pytest.mark.parametrize("case", ["dataset/ms"])
def test_multi_scale_inputs(case):
    wanted = stored("dataset", "ms/")
    for (width, height), sizes in zip(CASES[case]["pil_sizes"], wanted["sizes"].tolist(), strict=True):
        inputs = multi_scale(picture("ms", height, width, 3))
        assert [list(scaled.shape[1:]) for scaled in inputs] == sizes
    for name, number, step in (("half", 0, 7), ("half_flip", 1, 7), ("x1.5", 4, 16)):
        np.testing.assert_allclose(inputs[number][:, ::step, ::step].numpy(), wanted[name], rtol=0, atol=5e-3)
