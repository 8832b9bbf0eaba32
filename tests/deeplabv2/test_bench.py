import pytest

from common.errors import ConfigError
from deeplabv2.bench import PLAIN, SWITCHES, TimedWork, parse_work, time_test, time_training

TINY = TimedWork("DeepLabV2_ResNet101_MSC", "cpu", crop=33, batch=1, steps=1, threads=1)


def test_the_folded_step_computes_the_loss_of_the_plain_one():
    plain, folded = (time_training(TINY, SWITCHES[name]) for name in (PLAIN, "frozen BatchNorm folded"))
    assert folded.loss == pytest.approx(plain.loss, rel=1e-3)
    assert plain.seconds > 0
    assert plain.peak_gb > 0.1


def test_a_test_image_is_timed():
    assert time_test(TINY, SWITCHES["bf16"]).seconds > 0


def test_the_plain_step_always_comes_first():
    work, names, test = parse_work(["--only", "bf16", "--crop", "65", "--no-test"])
    assert names == [PLAIN, "bf16"]
    assert work.crop == 65
    assert not test


def test_an_unknown_switch_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"fp8.*channels-last"):
        parse_work(["--only", "fp8"])
