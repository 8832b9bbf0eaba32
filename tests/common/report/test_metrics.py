from __future__ import annotations

import pytest

from common.errors import DataError
from common.report.metrics import read_metrics, training_curves


def test_an_unfinished_last_line_is_dropped(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize("broken", ['{"st', "[1]"])
def test_a_broken_complete_line_is_an_error_that_names_it(tmp_path, broken):
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1}}\n{broken}\n{{"step": 3}}\n')
    with pytest.raises(DataError, match="line 2"):
        read_metrics(tmp_path / "metrics.jsonl")


def test_a_missing_log_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"metrics\.jsonl"):
        read_metrics(tmp_path / "metrics.jsonl")


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
    assert list(curves["Learning rate"]) == ["a: backbone", "b: backbone", "all runs: head"]


def test_no_record_gives_no_chart():
    assert training_curves({"a": []}) == []
