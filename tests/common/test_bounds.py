from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

import pytest

from common.bounds import (
    Bounds,
    add_number,
    bounded,
    bounded_scales,
    bounded_share,
    declared,
    needed_text,
    require_bounds,
)
from common.config import parse_config
from common.errors import ConfigError
from common.method.plain_cam import CamSettings
from common.method.settings import with_values
from deeplabv2.predict import PredictConfig
from i2crc.settings import I2crcSettings
from l2g_cda.quality import QualitySettings
from sgan.evaluation import EvaluationSettings
from smaf.validation import ValidationSettings
from sod_wsss.settings import SodWsssSettings


@dataclass
class Rate:
    rate: float = bounded(0.1, least=0, below=1)
    name: str = needed_text("base")
    sides: list[int] = bounded([1, 2], least=1, items=(2, 2), ascending=True)


@dataclass
class OwnRate(Rate):
    rate: float = 0.2


@pytest.mark.parametrize("value", [0, 0.999, 0.0])
def test_values_within_the_bounds_pass(value):
    require_bounds(Rate(rate=value))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": -0.1}, "x.rate is -0.1; give a number at least 0, below 1"),
        ({"rate": 1.0}, "x.rate is 1.0; give a number at least 0, below 1"),
        ({"rate": math.nan}, "x.rate is nan; give a number at least 0, below 1"),
        ({"name": " "}, "x.name is empty; give one, or leave the setting out for 'base'"),
        ({"name": "a\0"}, "x.name is 'a\\x00'; leave out the NUL character"),
        ({"sides": [1]}, "x.sides is [1]; give whole numbers from 1 to 2147483647, 2 of them, in ascending order"),
        (
            {"sides": [2, 1]},
            "x.sides is [2, 1]; give whole numbers from 1 to 2147483647, 2 of them, in ascending order",
        ),
        ({"sides": [1, 2**40]}, f"x.sides is [1, {2**40}]; give whole numbers from 1 to 2147483647, 2 of them, in asc"),
    ],
)
def test_a_value_outside_is_named_with_what_to_give(changes, message):
    with pytest.raises(ConfigError) as caught:
        require_bounds(OwnRate(**changes), "x")
    assert str(caught.value).startswith(message)


def test_another_default_keeps_the_bounds_and_a_list_is_nobody_elses():
    assert declared(OwnRate, "rate") == declared(Rate, "rate") != {}
    first, second = Rate(), Rate()
    first.sides.append(3)
    assert second.sides == [1, 2]


def test_words_of_values_with_a_meaning_of_their_own():
    assert Bounds(least=0, most=1, also=(-1,)).in_words(7.0) == "a number from 0 to 1, or -1"
    assert Bounds(least=0, most=1, also=(-1,)).allow(-1)
    assert Bounds(above=0, most=16).in_words(0.0) == "a number above 0, at most 16"
    assert Bounds().in_words(2**40) == "a whole number at most 2147483647"


def test_any_number_is_still_a_number():
    assert Bounds().allow(-1e300) and Bounds().allow(None)
    assert not any(Bounds().allow(value) for value in (math.inf, math.nan, 2**31, -(2**40)))


@pytest.mark.parametrize("text", ["0", "abc", "", "1e3", "nan", "9" * 5000])
def test_an_argument_outside_is_an_error_that_names_its_flag(text):
    with pytest.raises(ConfigError, match="^--images is .*; give a whole number from 1 to 9"):
        images_argument().parse_args(["--images", text])
    assert images_argument().parse_args(["--images", "9"]).images == 9
    assert images_argument().parse_args([]).images == 3


def images_argument():
    parser = argparse.ArgumentParser()
    add_number(parser, "--images", 3, "how many", least=1, most=9)
    return parser


@pytest.mark.parametrize(
    ("settings", "flag", "value"),
    [
        (CamSettings, "optimizer.lr", "-1"),
        (CamSettings, "optimizer.lr", ".nan"),
        (CamSettings, "optimizer.lr", ".inf"),
        (CamSettings, "optimizer.momentum", "2"),
        (CamSettings, "optimizer.weight_decay", "-1"),
        (CamSettings, "engine.seed", str(2**70)),
        (CamSettings, "engine.seed", "-1"),
        (CamSettings, "engine.seed", "0x" + "f" * 5000),
        (CamSettings, "engine.max_steps", str(10**30)),
        (CamSettings, "engine.workers", "1000000"),
        (CamSettings, "augmentation.crop_size", "0"),
        (CamSettings, "augmentation.area", "[0.9, 0.1]"),
        (CamSettings, "cam.scales", "[]"),
        (CamSettings, "cam.scales", "[1e9]"),
        (CamSettings, "labels.threshold", "1.01"),
        (CamSettings, "schedule.milestones", "[4000, 2000]"),
        (CamSettings, "out", ""),
        (PredictConfig, "network.n_labels", "0"),
        (PredictConfig, "network.n_labels", "300"),
        (PredictConfig, "network.blocks", "[3, 4]"),
        (PredictConfig, "data.ignore_label", "300"),
        (PredictConfig, "crf.iterations", "-1"),
        (PredictConfig, "crf.bilateral_srgb", "0"),
        (PredictConfig, "test.scales", "[]"),
        (PredictConfig, "image.mean.red", "256"),
        (PredictConfig, "seen_side", "-1"),
        (I2crcSettings, "relation.margin", "-1"),
        (QualitySettings, "thr", "[0.5, 0.2]"),
        (QualitySettings, "views.input_size", "-1"),
        (EvaluationSettings, "std", "[0, 1, 1]"),
        (EvaluationSettings, "scored_labels", "-1"),
        (ValidationSettings, "self_training.floor", "0"),
        (SodWsssSettings, "sod.engine.accumulate", "0"),
        (SodWsssSettings, "affinity.epochs", "0"),
        (SodWsssSettings, "sod.encoder.drop_path", "1"),
    ],
)
def test_every_command_names_the_setting_its_value_and_what_to_give(settings, flag, value):
    with pytest.raises(ConfigError) as caught:
        parse_config(settings, [f"--{flag}={value}"], program="tiny")
    words = rf"{flag} is (.*; give (a )?(whole )?numbers? |empty; give )"
    assert caught.match(f"^{words}") and "\n" not in str(caught.value)


def test_values_changed_in_code_are_checked_by_the_same_bounds():
    with pytest.raises(ConfigError, match=r"^labels\.threshold is 2; give a"):
        with_values(CamSettings(), {"labels.threshold": 2})


def test_short_forms_say_what_they_stand_for():
    @dataclass
    class Short:
        share: float = bounded_share(0.5)
        scales: list[float] = bounded_scales([1.0], 1)

    require_bounds(Short(share=1, scales=[16.0]))
    for wrong in ({"share": 1.1}, {"scales": []}, {"scales": [0.0]}, {"scales": [16.5]}):
        with pytest.raises(ConfigError):
            require_bounds(Short(**wrong))
