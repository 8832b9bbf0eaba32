"""Chains as processes: side by side, stopped, failed, there already."""

from __future__ import annotations

import json
import time

import pytest

from common.compare.plan import Chain, Source
from common.compare.running import DONE, FAILED, STATE_FILE, State, read_state, run_chains
from common.errors import DataError

A, B = Chain("a", Source("own"), 0), Chain("b", Source("own"), 0)
OK = "print('fine')"
BROKEN = "import sys; print('error: the maps are missing'); sys.exit(2)"
CRASH = "raise ValueError('oops')"


def run(tmp_path, programs, jobs=1, key="k"):
    """Run ``programs`` (chain -> Python text)."""
    return run_chains(
        list(programs), lambda one: tmp_path / one.name, lambda one: key, lambda one, slot: ["-c", programs[one]], jobs
    )


def test_a_failed_chain_is_said_and_the_others_go_on(tmp_path, capsys):
    states = run(tmp_path, {A: BROKEN, B: OK})
    assert [states[one].state for one in (A, B)] == [FAILED, DONE]
    assert states[A].says == "error: the maps are missing"
    assert "a/own/seed0: FAILED" in capsys.readouterr().err


def test_a_crash_is_no_success_though_its_status_is_that_of_failed_images(tmp_path):
    assert run(tmp_path, {A: CRASH})[A].state == FAILED


def test_images_that_failed_leave_a_chain_done_and_are_said(tmp_path):
    program = f"import sys, pathlib; pathlib.Path(r'{tmp_path / A.name}', 'failed.json').write_text('{{}}'); print('1 image'); sys.exit(1)"
    state = run(tmp_path, {A: program})[A]
    assert (state.state, state.says) == (DONE, "1 image")


def test_what_is_done_is_not_run_again_unless_its_settings_changed(tmp_path):
    count = tmp_path / "count"
    program = f"open(r'{count}', 'a').write('x')"
    run(tmp_path, {A: program})
    run(tmp_path, {A: program})
    assert count.read_text() == "x"
    run(tmp_path, {A: program}, key="other")
    assert count.read_text() == "xx"


def test_what_failed_is_run_again_and_its_time_adds_up(tmp_path):
    first = run(tmp_path, {A: f"import time; time.sleep(1)\n{BROKEN}"})[A]
    second = run(tmp_path, {A: OK})[A]
    assert second.state == DONE and second.seconds > first.seconds >= 1


def test_memory_is_noted_without_that_of_the_process_that_starts_it(tmp_path):
    state = run(
        tmp_path, {A: "import time; x = bytearray(300 << 20); x[::4096] = b'1' * len(x[::4096]); time.sleep(1)"}
    )[A]
    assert 300 << 20 < state.peak_bytes < 400 << 20


def test_chains_run_side_by_side_where_asked(tmp_path):
    program = "import time, pathlib; time.sleep(2)"
    started = time.monotonic()
    run(tmp_path, {A: program, B: program}, jobs=2)
    states = [json.loads((tmp_path / one.name / STATE_FILE).read_text())["seconds"] for one in (A, B)]
    assert time.monotonic() - started < sum(states)


def test_a_chain_waits_for_the_one_it_comes_after(tmp_path):
    first, second = Chain("a", Source("x"), 0), Chain("a", Source("y"), 0, "a/x/seed0")
    order = tmp_path / "order"
    programs = {
        second: f"open(r'{order}', 'a').write('2')",
        first: f"import time; time.sleep(0.5); open(r'{order}', 'a').write('1')",
    }
    run(tmp_path, programs, jobs=2)
    assert order.read_text() == "12"


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"state": "ok", "key": "k", "seconds": 1, "peak_bytes": 0, "says": ""}', "{"]
)
def test_a_damaged_state_is_named(tmp_path, text):
    (tmp_path / STATE_FILE).write_text(text)
    with pytest.raises(DataError, match=STATE_FILE):
        read_state(tmp_path)


def test_a_state_comes_back_as_it_was_written(tmp_path):
    state = State(DONE, "k", 1.5, 7, "one")
    state.write(tmp_path)
    assert read_state(tmp_path) == state
