from __future__ import annotations

import itertools
import threading

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common.engine.metric_file import read_metrics
from common.engine.metric_log import MetricLog
from common.engine.run_folder import RunFolder
from common.errors import DiskFullError


def open_log(folder, step=0):
    return MetricLog(RunFolder(folder), [], step, end_step=100, images_per_step=4)


def test_a_record_is_in_the_file_the_history_and_tensorboard(tmp_path):
    history = []
    log = MetricLog(RunFolder(tmp_path), history, 0, end_step=100, images_per_step=4)
    log.record(5, {"seed": 0.5}, {"body": 0.1})
    (line,) = read_metrics(RunFolder(tmp_path).metrics)
    assert history == [{"step": 5, "seed": 0.5, "lr": {"body": 0.1}}]
    assert line.keys() == {"step", "seed", "lr", "images_per_second", "time"} and line.items() >= history[0].items()
    log.close()
    events = EventAccumulator(str(RunFolder(tmp_path).tensorboard)).Reload()
    assert set(events.Tags()["scalars"]) == {"loss/seed", "lr/body", "speed/images_per_second"}
    assert [(event.step, event.value) for event in events.Scalars("loss/seed")] == [(5, 0.5)]


@pytest.mark.parametrize("resumed", [0, 4])
def test_a_resumed_log_holds_every_step_once(tmp_path, monkeypatch, resumed):
    # TensorBoard reads its files in the order of the seconds in their names.
    monkeypatch.setattr("time.time", itertools.count(1e9).__next__)
    log = open_log(tmp_path)
    for step in (2, 4, 6):
        log.record(step, {"seed": float(step)}, {})
    log.close()
    log = open_log(tmp_path, resumed)
    for step in range(resumed + 2, 9, 2):
        log.record(step, {"seed": 10.0 + step}, {})
    log.close()
    values = [2.0, 4.0, 6.0][: resumed // 2] + [10.0 + step for step in range(resumed + 2, 9, 2)]
    assert [record["seed"] for record in read_metrics(RunFolder(tmp_path).metrics)] == values
    events = EventAccumulator(str(RunFolder(tmp_path).tensorboard)).Reload()
    assert [event.value for event in events.Scalars("loss/seed")] == values


def test_a_full_disk_is_an_error_that_names_the_log(tmp_path, file_size_limit):
    log = open_log(tmp_path)
    log.record(1, {"seed": 1.0}, {})
    size = RunFolder(tmp_path).metrics.stat().st_size
    with file_size_limit(size + 10):
        with pytest.raises(DiskFullError, match=r"no space left to write .*metrics\.jsonl"):
            log.record(2, {"seed": 1.0}, {})
        with pytest.raises(DiskFullError):
            log.close()
    assert [record["step"] for record in read_metrics(RunFolder(tmp_path).metrics)] == [1]


def test_a_disk_that_fills_up_with_tensorboard_events_is_an_error_that_names_them(tmp_path, file_size_limit):
    log = open_log(tmp_path)
    for step in range(20):
        log.record(step, {}, {f"group{number}": 0.1 for number in range(9)} if step < 10 else {})
    log.tensorboard.flush()
    (events,) = RunFolder(tmp_path).tensorboard.iterdir()
    assert events.stat().st_size > RunFolder(tmp_path).metrics.stat().st_size + 500

    before = set(threading.enumerate())
    with file_size_limit(events.stat().st_size), pytest.raises(DiskFullError, match="tensorboard"):
        log.record(20, {}, {})
    # No thread that would print a traceback of its own.
    assert set(threading.enumerate()) == before
