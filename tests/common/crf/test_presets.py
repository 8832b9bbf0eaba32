"""Constants of the dense CRF."""

import dataclasses

import pytest

from common.crf.presets import PRESETS, crf_preset
from common.errors import ConfigError


def test_deeplab_preset_has_the_published_constants():
    assert dataclasses.astuple(crf_preset("deeplab")) == (1, 3, 67, 3, 4, 10)


def test_scaling_divides_positions_and_nothing_else():
    assert dataclasses.astuple(crf_preset("sec").scaled(12)) == pytest.approx((0.25, 3, 80 / 12, 13, 10, 10))


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match="use one of deeplab, deeplab_largefov, deeplab_vgg, cam, label, sec"):
        crf_preset("deeplap")


@pytest.mark.parametrize(
    "change",
    [{"gaussian_sxy": 0}, {"bilateral_sxy": -1}, {"bilateral_srgb": float("nan")}, {"iterations": -1}],
)
def test_impossible_settings_are_an_error(change):
    with pytest.raises(ConfigError, match="CRF"):
        dataclasses.replace(PRESETS["cam"], **change)


@pytest.mark.parametrize("factor", [0, -2, float("inf")])
def test_impossible_scale_factors_are_an_error(factor):
    with pytest.raises(ConfigError, match="scale factor"):
        PRESETS["sec"].scaled(factor)
