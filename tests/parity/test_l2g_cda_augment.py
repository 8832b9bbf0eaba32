"""Pasting equals the published ``data_aug``, ``data_aug_plus`` and CDA's own functions."""

import numpy as np
import pytest

from l2g_cda.objects import Foreground
from l2g_cda.pasting import CdaConfig, overlap_share, paste, place
from tests.l2g_cda.bank_samples import covered
from tests.parity.l2g_cda_cases import CASES, cases_of
from tests.parity.l2g_cda_data import Scripted, ellipse, picture, stored

PUBLISHED = {
    "data_aug": CdaConfig(),
    "data_aug_plus": CdaConfig(),
    "cda_data_aug": CdaConfig(mask="labels", channels="repaired"),
    "cda_data_aug_rotation": CdaConfig(mask="labels", channels="repaired", rotation=90),
}
PASTING = [case for case in cases_of("augment") if case.count("/") == 2]


def inputs(case):
    """Background, its saliency and the object of a case; CDA's cases repeat those of ``data_aug``."""
    name = case.split("/")[1]
    shapes = CASES[f"augment/{name}/data_aug"]
    (height, width), (h, w) = shapes["background"], shapes["foreground"]
    centre = ellipse(height, width, (0.4 * height, 0.4 * width), (0.25 * height, 0.25 * width))
    saliency = np.where(centre, 255, picture(f"{name}_bs", height, width) // 3).astype(np.uint8)
    seg = shapes["seg_value"] * ellipse(h, w, (0.5 * h, 0.5 * w), (0.45 * h, 0.45 * w))
    own = np.where(ellipse(h, w, (0.5 * h, 0.5 * w), (0.4 * h, 0.5 * w)), 240, picture(f"{name}_fs", h, w) // 2)
    foreground = Foreground(picture(f"{name}_fg", h, w, 3), seg.astype(np.uint8), own.astype(np.uint8))
    return picture(f"{name}_bg", height, width, 3), saliency, foreground


def pasted(case):
    image, saliency, foreground = inputs(case)
    config = PUBLISHED[case.split("/")[2]]
    rng = Scripted(CASES[case]["draws"])
    placement = place(foreground, saliency, config, rng)
    assert rng.draws == []
    return placement, *paste(image, saliency, placement, config.channels)


@pytest.mark.parametrize("case", PASTING)
def test_pasted_image(case):
    wanted = stored("augment", case.removeprefix("augment/") + "/")
    placement, image, saliency = pasted(case)
    assert np.abs(image.astype(int) - wanted["image"]).max() <= 1
    if "saliency" in wanted:
        np.testing.assert_array_equal(saliency, wanted["saliency"])
        assert (covered(placement, saliency.shape) == wanted["pasted_mask"]).mean() > 0.995
    if "overlap" in wanted:
        assert placement.overlap == pytest.approx(float(wanted["overlap"]), abs=1e-9)


@pytest.mark.parametrize("case", [case for case in PASTING if case.endswith("data_aug_plus")])
def test_repaired_channels_restore_the_image_around_the_object(case):
    image, saliency, _ = inputs(case)
    placement, published, _ = pasted(case)
    repaired, _ = paste(image, saliency, placement, "repaired")
    where = stored("augment", case.removeprefix("augment/") + "/")["pasted_mask"]
    np.testing.assert_array_equal(repaired, np.where(where[..., None], published, published[..., ::-1]))


@pytest.mark.parametrize("case", ["augment/cal_overlap"])
def test_overlap(case):
    wanted = stored("augment", case.removeprefix("augment/") + "/")["value"]
    saliency = np.zeros((30, 40), np.uint8)
    saliency[8:20, 10:30] = 255
    mask = np.zeros(saliency.shape, bool)
    nothing = overlap_share(mask, saliency)
    mask[5:15, 5:25] = True
    np.testing.assert_allclose([overlap_share(mask, saliency), nothing], wanted, atol=CASES_TOLERANCE)


CASES_TOLERANCE = float(CASES["augment/cal_overlap"]["tolerance"])
