"""SMAF's CRF on label maps and EPS's on maps equal the published ones."""

import dataclasses
import re

import numpy as np
import pytest

from common.crf.inference import dense_crf
from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import unary_from_labels
from common.pseudo_labels.background import constant, power
from common.pseudo_labels.crf import refine_labels, refine_maps
from common.pseudo_labels.labels import pseudo_label
from tests.parity.smaf_cases import args, cases, check, coarsest, entry, note, picture, step_in, value


def maps_of(case):
    """The maps of the present classes: squares of one value, squared or times a factor."""
    settings, (name, described) = args(case), entry(case, ".cam{class}")
    size, rule = (settings["h"], settings["w"]), described["rule"]
    block = int(re.search(r"repeated (\d+)x\1", rule)[1])
    small = [-(-side // block) for side in size]
    maps = np.stack([value(name.format(**{"class": number}), small, "unit") for number in settings["classes"]])
    maps = maps.repeat(block, 1).repeat(block, 2)[:, : size[0], : size[1]]
    factor = re.search(r"times float32 ([\d.]+)", rule)
    return (maps**2 if "squared" in rule else maps) * np.float32(factor[1] if factor else 1)


def grid(case, array, maps):
    """The stored part of maps K x H x W."""
    step = step_in(note(case, array))
    return maps[:, ::step, ::step]


def settings_of(case):
    settings = args(case)
    of_position, of_colour = settings["gaussian"], settings["bilateral"]
    return CrfSettings(
        *(of_position["sxy"], of_position["compat"], of_colour["sxy"], of_colour["srgb"], of_colour["compat"]),
        iterations=settings["iterations"],
    )


@pytest.mark.parametrize("case", cases("crf."))
def test_crf_on_label_maps(case):
    settings, keys = args(case), np.array(args(case)["classes"])
    n_labels, image = settings["n_labels"], picture(case, ".img", settings["h"], settings["w"])
    before = pseudo_label(maps_of(case), keys, constant(settings["bg"], image.shape[:2]))
    crf, gt_prob = settings_of(case), settings["gt_prob"]
    after = refine_labels(image, before, range(n_labels), crf, gt_prob)
    refined = dense_crf(image, unary_from_labels(before.astype(np.int64), n_labels, gt_prob), crf)
    present = [0, *(keys + 1)]
    absent = next(label for label in range(n_labels) if label not in present)
    computed = {"before": before, "after": after, "q": grid(case, "q", refined[present])}
    check(case, {**computed, "q_absent": grid(case, "q", refined[[absent]])[0]})


@pytest.mark.parametrize("case", [case for case in cases("crf.") if args(case)["iterations"] == 10])
def test_constants_of_the_pseudo_masks(case):
    assert settings_of(case) == PRESETS["label"]


@pytest.mark.parametrize("case", cases("eps_crf"))
def test_crf_on_maps(case):
    settings, maps = args(case), maps_of(case)
    image = picture(case, ".img", settings["h"], settings["w"])
    crf = dataclasses.replace(PRESETS["cam"], iterations=settings["t"])
    refined, background = refine_maps(image, maps, power(maps, settings["alpha"]), crf)
    both = np.concatenate([background[None], refined])
    check(case, {"q": coarsest(both, case, "q"), "argmax": both.argmax(0)})
