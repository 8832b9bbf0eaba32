import pytest

import deeplabv2.train
from common.engine.train import prepare_convolutions
from common.errors import ConfigError
from common.models.winograd import ScaledWinogradConv2d
from deeplabv2 import bench
from deeplabv2.bench import (
    PLAIN,
    SWITCHES,
    TF32,
    Measured,
    TimedWork,
    parse_work,
    run_variants,
    time_test,
    time_training,
)

TINY = TimedWork("DeepLabV2_ResNet101_MSC", "cpu", crop=33, batch=1, steps=1, threads=1)


def test_the_folded_step_computes_the_loss_of_the_plain_one():
    plain, folded = (time_training(TINY, SWITCHES[name]) for name in (PLAIN, "frozen BatchNorm folded"))
    assert folded.loss == pytest.approx(plain.loss, rel=1e-3)
    assert plain.seconds > 0
    assert plain.peak_gb > 0.1


def test_the_step_with_fewer_multiplications_computes_the_loss_of_the_plain_one(monkeypatch):
    folded, asked = [], []
    monkeypatch.setattr(bench, "fold", lambda config, network: folded.append(deeplabv2.train.fold(config, network)))

    def swapped(network, engine):
        prepare_convolutions(network, engine)
        asked.append((len(folded), {type(layer) for layer in network.modules()}))

    monkeypatch.setattr(bench, "prepare_convolutions", swapped)
    plain, fast = (time_training(TINY, SWITCHES[name]) for name in (PLAIN, "channels-last, folded, Winograd"))
    assert fast.loss == pytest.approx(plain.loss, rel=1e-3)
    (_, plain_layers), (folds_before, layers) = asked
    assert ScaledWinogradConv2d in layers and ScaledWinogradConv2d not in plain_layers
    assert folds_before == 2


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


def test_float32_in_ten_bits_is_measured_where_there_is_such_a_thing():
    assert TF32 not in parse_work(["--device", "cpu"])[1]
    assert parse_work(["--device", "cuda"])[1][:2] == [PLAIN, TF32]


def test_a_switch_that_the_machine_cannot_do_leaves_the_others_their_turn(monkeypatch, capsys):
    def measured(timed, work, switches):
        if switches.get("engine.compile"):
            raise RuntimeError("no compiler\nwas found")
        return Measured(2.0 if not switches else 1.0, 3.0, 0.5)

    monkeypatch.setattr(bench, "in_own_process", measured)
    run_variants("step", None, TINY, [PLAIN, "compile", "bf16"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "step, compile: failed, no compiler was found"
    assert lines[2].startswith("step, bf16: 1.000 s (2.00 times as fast")
    monkeypatch.setitem(SWITCHES, PLAIN, {"engine.compile": True})
    with pytest.raises(RuntimeError, match="no compiler"):
        run_variants("step", None, TINY, [PLAIN])
