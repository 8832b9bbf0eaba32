from __future__ import annotations

import pytest

from common.engine.metric_file import keep_metrics_until, read_metrics
from common.errors import DataError


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


def test_records_after_the_step_are_dropped_and_the_others_kept_as_they_are(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 2, "loss": NaN}\n{"step": 4}\n{"step": 6}\n{"step": 8')
    keep_metrics_until(path, 4)
    assert path.read_text() == '{"step": 2, "loss": NaN}\n{"step": 4}\n'


def test_without_a_log_an_empty_one_is_made(tmp_path):
    keep_metrics_until(tmp_path / "metrics.jsonl", 4)
    assert (tmp_path / "metrics.jsonl").read_text() == ""
