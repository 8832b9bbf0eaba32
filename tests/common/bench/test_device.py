"""The run of all device checks: each has its turn and its time, and the table is there whatever becomes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.bench import device
from common.bench.device import Check, checks_for, files_with_gpu_tests, main, timed_methods
from common.errors import ConfigError


def only(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(device, "checks_for", lambda name, gpu: list(checks))


def outcomes(out: Path) -> dict[str, str]:
    return {one["name"]: one["state"] for one in json.loads((out / "device.json").read_text())["checks"]}


def test_a_check_that_fails_or_hangs_leaves_the_others_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(
        monkeypatch,
        Check("broken", ["-c", "print('oh'); raise SystemExit(3)"], 30),
        Check("endless", ["-c", "import time; print('begun', flush=True); time.sleep(60)"], 1),
        Check("fine", ["-c", "print('12 ms')"], 30),
    )
    assert main(["--out", str(tmp_path), "--minutes", "2"]) == 1
    assert outcomes(tmp_path) == {"broken": "failed with status 3", "endless": "stopped after 1 s", "fine": "ok"}
    text = (tmp_path / "device.md").read_text()
    assert "| endless | stopped after 1 s | 1 |" in text
    assert all(f"```text\n{line}\n```" in text for line in ("oh", "begun", "12 ms"))


def test_checks_without_time_are_left_out_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, Check("first", ["-c", ""], 30), Check("second", ["-c", ""], 30))
    monkeypatch.setattr(device, "LEAST_SECONDS", 1000)
    assert main(["--out", str(tmp_path), "--minutes", "1"]) == 1
    assert set(outcomes(tmp_path).values()) == {"left out, no time left"}


def test_all_that_only_a_gpu_can_show_is_planned() -> None:
    names = [one.name for one in checks_for("cuda", gpu=True)]
    assert len(names) == len(set(names))
    for word in (
        "dense CRF at 500x375",
        "41x41",
        "DeepLab-v2",
        "CAMs",
        "stopped and continued",
        "tests that need a GPU",
    ):
        assert any(word in name for name in names)
    assert {f"training step of {name}" for name in timed_methods()} <= set(names) and len(timed_methods()) >= 4
    assert sum(one.seconds for one in checks_for("cuda", gpu=True)) <= 15 * 60


def test_files_with_tests_of_a_gpu_are_found() -> None:
    assert "tests/common/crf/test_engines.py" in files_with_gpu_tests()


def test_a_word_that_no_check_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no check has such a word"):
        main(["--only", "quantum", "--out", str(tmp_path)])


@pytest.mark.slow
def test_a_continued_training_has_the_bits_of_one_that_was_not_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    from common.bench.resume import main as resume

    resume(["--device", "cpu", "--steps", "2"])
    assert capsys.readouterr().out == "stopped after 1 of 2 steps and continued on the CPU: the same bits\n"
