from __future__ import annotations

from common.report.metrics import training_curves


def record(step, rate=0.1, **losses):
    return {"step": step, **losses, "lr": {"backbone": rate, "head": 1.0}, "images_per_second": 9.0, "time": 1.0}


def test_each_loss_gets_a_chart_and_equal_rates_one_line():
    runs = {
        "a": [record(1, seed_loss=3.0), record(2, seed_loss=2.0)],
        "b": [record(1, 0.2, cam=1.0), record(2, 0.2, cam=0.5)],
    }
    curves = {curve.title: curve.lines for curve in training_curves(runs)}
    assert curves["Training loss: seed loss"] == {"a": ([1.0, 2.0], [3.0, 2.0])}
    assert curves["Training loss: cam"] == {"b": ([1.0, 2.0], [1.0, 0.5])}
    assert list(curves["Learning rate"]) == ["a: backbone", "b: backbone", "all runs: new layers"]


def test_no_record_gives_no_chart():
    assert training_curves({"a": []}) == []
