"""The dense CRF equals pydensecrf with every parameter set of the published code.

The manifest and the unary energies are kept here. The other numbers belong to crops of PASCAL VOC photographs, which the
project does not contain: these cases run where ``golden/crf`` of the shared data holds both and are skipped elsewhere.
"""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from common.crf import inference
from common.crf.inference import dense_crf
from common.crf.presets import PRESETS, CrfSettings
from common.crf.tensor_engine import tensor_mean_field
from common.crf.unary import unary_from_labels, unary_from_negated, unary_from_probabilities
from common.pseudo_labels.background import constant, power
from common.pseudo_labels.crf import refine_labels, refine_maps
from common.pseudo_labels.labels import ignore_between, pseudo_label
from tests.parity.crf_inputs import Crop
from tests.parity.fill import filled_input

GOLDEN = Path(__file__).parent / "golden" / "crf"
CASES = {case["case"]: case for case in json.loads((GOLDEN / "manifest.json").read_text())["cases"]}
# Which preset, scale factor and number of iterations give the parameters of a case.
PRESET_OF_CASE = {
    "deeplab_1_raw": PRESETS["deeplab"],
    "deeplab_1_meansub_BUG": PRESETS["deeplab"],
    "deeplab_2_raw": PRESETS["deeplab"],
    "deeplab_2_meansub_BUG": PRESETS["deeplab"],
    "l2g_dplv1": PRESETS["deeplab_largefov"],
    "l2g_vgg_dplv2": PRESETS["deeplab_vgg"],
    "prob80": PRESETS["cam"],
    "prob80_t1": replace(PRESETS["cam"], iterations=1),
    "prob80_scale2": PRESETS["cam"].scaled(2),
    "cam_alpha4": PRESETS["cam"],
    "cam_alpha32": PRESETS["cam"],
    "label50": PRESETS["label"],
    "label50_t1": replace(PRESETS["label"], iterations=1),
    "label50_21": PRESETS["label"],
    "smaf_cam_to_mask": PRESETS["label"],
    "irn_conf_0.3_0.05": PRESETS["label"],
    "irn_conf_0.35_0.15": PRESETS["label"],
    "sec_scale12_prob": PRESETS["sec"].scaled(12),
    "sec_scale12_log": PRESETS["sec"].scaled(12),
    "sec_scale1_log": PRESETS["sec"],
    # Constants of an unused helper; no preset.
    "sgan_49_5_4": CrfSettings(3, 3, 49, 5, 4),
}
# Case: probabilities -> unary energy.
PROBABILITY_CASES = {
    **dict.fromkeys(
        ["l2g_dplv1", "l2g_vgg_dplv2", "prob80", "prob80_t1", "prob80_scale2", "sgan_49_5_4"], unary_from_probabilities
    ),
    "sec_scale12_prob": lambda p: unary_from_negated(np.maximum(p, np.float32(1e-4))),
    "sec_scale12_log": lambda p: unary_from_negated(np.log(p)),
    "sec_scale1_log": lambda p: unary_from_negated(np.log(np.maximum(p, np.float32(1e-5)))),
}


@pytest.fixture
def golden(shared):
    folder = shared / "golden" / "crf"
    if not (folder / "crops.npz").is_file() or not (folder / "crf.npz").is_file():
        pytest.skip("golden/crf of the shared data has no crops.npz and crf.npz")
    return {**np.load(folder / "crf.npz"), **np.load(folder / "crops.npz")}


def by_tensor_operations(images, unaries, settings, leave_out_below):
    """What a GPU does, on the CPU."""
    pairs = zip(images, unaries, strict=True)
    return [
        tensor_mean_field(torch.from_numpy(image)[None], torch.from_numpy(unary)[None], settings)[0].numpy()
        for image, unary in pairs
    ]


@pytest.fixture(
    params=[
        "torch",
        "torch, tensor operations",
        pytest.param(
            "pydensecrf",
            marks=pytest.mark.skipif(not importlib.util.find_spec("pydensecrf"), reason="pydensecrf is not installed"),
        ),
    ]
)
def engine(request, monkeypatch):
    """Each engine in turn, also where the toolbox chooses one by itself."""
    name = request.param.split(",")[0]
    monkeypatch.setattr(inference, "resolve_engine", lambda _: name)
    if name != request.param:
        monkeypatch.setattr(inference, "cpu_mean_field", by_tensor_operations)
    return name


def crop_of(golden, case):
    return Crop(golden, CASES[case]["crop"])


def check_q(golden, case, q):
    """Q on the stored grid and the argmax, within the tolerance of the manifest."""
    tolerance = CASES[case]["tolerance"]
    stored = golden[f"{case}.Q"]
    step = -(-q.shape[1] // stored.shape[1])
    np.testing.assert_allclose(q[:, ::step, ::step], stored, rtol=0, atol=tolerance["Q_atol"])
    check_labels(case, q.argmax(axis=0), golden[f"{case}.argmax"])


def check_labels(case, labels, stored):
    assert labels.shape == stored.shape
    assert (labels == stored).mean() >= CASES[case]["tolerance"]["argmax_equal_fraction"]


@pytest.mark.parametrize("case", PRESET_OF_CASE)
def test_preset_has_the_parameters_of_the_case(case):
    settings, parameters = PRESET_OF_CASE[case], CASES[case]["parameters"]
    assert parameters == {
        "gaussian": {"sxy": settings.gaussian_sxy, "compat": settings.gaussian_compat},
        "bilateral": {
            "sxy": pytest.approx(settings.bilateral_sxy),
            "srgb": settings.bilateral_srgb,
            "compat": settings.bilateral_compat,
        },
        "iterations": settings.iterations,
    }


def test_every_open_case_is_checked():
    assert set(CASES) == {*PRESET_OF_CASE, "edges", "unaries"}


@pytest.mark.parametrize("case", ["deeplab_1_raw", "deeplab_1_meansub_BUG", "deeplab_2_raw", "deeplab_2_meansub_BUG"])
def test_deeplab_crf_on_upsampled_logits(golden, engine, case):
    crop = crop_of(golden, case)
    image = crop.mean_subtracted() if case.endswith("meansub_BUG") else crop.image("BGR")
    unary = unary_from_probabilities(crop.upsampled_softmax(CASES[case]["input_name"]))
    check_q(golden, case, dense_crf(image, unary, PRESET_OF_CASE[case], engine))


@pytest.mark.parametrize("case", PROBABILITY_CASES)
def test_probability_crf(golden, engine, case):
    crop = crop_of(golden, case)
    unary = PROBABILITY_CASES[case](crop.probabilities(CASES[case]["input_name"]))
    image = crop.image(CASES[case]["channel_order_given_to_crf"])
    check_q(golden, case, dense_crf(image, unary, PRESET_OF_CASE[case], engine))


@pytest.mark.parametrize(("case", "alpha"), [("cam_alpha4", 4), ("cam_alpha32", 32)])
def test_crf_on_maps_with_a_power_background(golden, engine, case, alpha):
    crop = crop_of(golden, case)
    cams = crop.cams(CASES[case]["input_name"])
    maps, background = refine_maps(crop.image("RGB"), cams, power(cams, alpha), PRESET_OF_CASE[case])
    check_q(golden, case, np.concatenate([background[None], maps]))


@pytest.mark.parametrize("case", ["label50", "label50_t1", "label50_21"])
def test_label_crf(golden, engine, case):
    crop = crop_of(golden, case)
    labels, settings = crop.labels(CASES[case]["input_name"]), PRESET_OF_CASE[case]
    if case == "label50_21":
        labels = crop.present[labels]
    q = dense_crf(crop.image("RGB"), unary_from_labels(labels, CASES[case]["n_labels"]), settings, engine)
    check_q(golden, case, q)
    numbers = range(CASES[case]["n_labels"])
    refined = refine_labels(crop.image("RGB"), labels.astype(np.uint8), numbers, settings)
    np.testing.assert_array_equal(refined, q.argmax(axis=0))


@pytest.mark.parametrize("case", ["smaf_cam_to_mask"])
def test_smaf_mask_lets_the_crf_choose_among_21_labels(golden, engine, case):
    crop = crop_of(golden, case)
    mask = pseudo_label(crop.cams(CASES[case]["input_name"]), crop.present[1:] - 1, constant(0.2, crop.size))
    refined = refine_labels(crop.image("RGB"), mask, range(21), PRESET_OF_CASE[case])
    check_labels(case, refined, golden[f"{case}.argmax"])


@pytest.mark.parametrize(
    ("case", "high", "low"), [("irn_conf_0.3_0.05", 0.3, 0.05), ("irn_conf_0.35_0.15", 0.35, 0.15)]
)
def test_irn_labels_of_two_thresholds(golden, engine, case, high, low):
    crop = crop_of(golden, case)
    cams, keys = crop.cams(CASES[case]["input_name"]), crop.present[1:] - 1
    refined = [
        refine_labels(
            crop.image("RGB"), pseudo_label(cams, keys, constant(threshold, crop.size)), crop.present.tolist()
        )
        for threshold in (high, low)
    ]
    check_labels(case, ignore_between(*refined), golden[f"{case}.conf"])


@pytest.mark.parametrize("case", ["edges"])
def test_edge_cases(golden, engine, case):
    crop = crop_of(golden, case)
    image, atol = crop.image("RGB"), CASES[case]["tolerance"]["Q_atol"]
    probabilities = crop.probabilities(CASES[case]["input_name"])
    unary = unary_from_probabilities(probabilities)

    def close(q, name):
        np.testing.assert_allclose(q[:, ::8, ::8], golden[f"{case}.{name}"], rtol=0, atol=atol)

    one_label = dense_crf(image, unary[:1], PRESETS["cam"], engine)
    assert np.allclose(one_label, 1) == golden[f"{case}.one_label_prob_all_ones"]
    only_background = unary_from_labels(np.zeros(crop.size, np.uint8), 3)
    background_q = dense_crf(image, only_background, PRESETS["label"], engine)
    assert background_q.argmax(axis=0).max() == golden[f"{case}.only_background_3labels_argmax_max"]
    close(background_q, "only_background_3labels_Q")
    close(dense_crf(image, unary, replace(PRESETS["cam"], iterations=0), engine), "zero_iterations_Q")
    flat_q = dense_crf(np.full_like(image, 127), unary, replace(PRESETS["cam"], iterations=5), engine)
    close(flat_q, "flat_image_Q")
    check_labels(case, flat_q.argmax(axis=0), golden[f"{case}.flat_image_argmax"])


@pytest.mark.parametrize("case", ["unaries"])
def test_unary_energies(case):
    stored, name = np.load(GOLDEN / "unaries.npz"), CASES[case]["input_name"]
    softmax = torch.softmax(torch.from_numpy(3 * filled_input(name, (4, 5, 6))), dim=0).numpy()
    softmax[0, 0, :3] = [0, 1e-7, 1e-4]
    labels = filled_input(f"{name}/labels", (5, 6), 0, 4)
    for energies, key in (
        (unary_from_probabilities(softmax), "from_softmax"),
        (unary_from_labels(labels, 4, 0.7), "from_labels_0.7"),
        (unary_from_labels(labels, 3, 0.9, zero_unsure=True), "from_labels_0.9_zero_unsure"),
    ):
        np.testing.assert_allclose(energies.reshape(len(energies), -1), stored[f"{case}.{key}"], atol=1e-6)
