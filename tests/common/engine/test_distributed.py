"""Two processes compute what one does, and fail together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from common.engine.checkpoint import checkpoint_steps
from common.engine.run_folder import RunFolder
from common.engine.session import start_session
from common.errors import ConfigError
from common.files import read_json
from tests.common.engine.tiny_training import final_weights, logged, run_tiny
from tests.common.engine.two_processes import ACCUMULATED, IDS, UNEVEN
from tests.guards.source import ROOT


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that :mod:`tests.common.engine.two_processes` filled."""
    folder = tmp_path_factory.mktemp("together")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    with (folder / "output.txt").open("w") as output:
        subprocess.run(
            [*launcher, "-m", "tests.common.engine.two_processes", str(folder)],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=200,
            check=False,
        )
    return folder


def outcomes(together: Path, scenario: str) -> list[Any]:
    """What came of ``scenario`` in process 0 and in process 1."""
    files = [together / f"rank{rank}.json" for rank in range(2)]
    assert all(file.exists() for file in files), (together / "output.txt").read_text()
    return [read_json(file).get(scenario, "not reached") for file in files]


@pytest.mark.parametrize(("scenario", "engine"), [("uneven", UNEVEN), ("accumulated", ACCUMULATED)])
def test_two_processes_learn_what_one_learns(together, tmp_path, scenario, engine):
    calls = run_tiny(tmp_path, noisy=False, **engine).calls
    assert outcomes(together, scenario) == [calls, calls]
    one, two = final_weights(tmp_path), final_weights(together / scenario)
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=1e-5, atol=1e-6, msg=name)
    for alone, shared in zip(logged(tmp_path), logged(together / scenario), strict=True):
        assert shared["step"] == alone["step"] and shared["lr"] == alone["lr"]
        assert shared["pixels"] == pytest.approx(alone["pixels"], rel=1e-5)
        assert shared["tags"] == pytest.approx(alone["tags"], rel=1e-5)


def test_processes_may_meet_again_in_another_session(together):
    assert outcomes(together, "sessions") == [[2] * 6] * 2


def test_two_processes_share_the_files_and_write_each_once(together):
    assert outcomes(together, "files") == [3, 2]
    assert sorted(path.name for path in (together / "files").glob("*.txt")) == [f"{name}.txt" for name in IDS]


def test_a_nan_in_one_process_ends_both_and_names_the_images_of_that_one(together):
    other, culprit = outcomes(together, "nan")
    assert "NonFiniteError: not finite at step 3 in another process" in other
    assert "NonFiniteError: not finite at step 3 in process 1" in culprit
    assert checkpoint_steps(RunFolder(together / "nan").checkpoints) == [2]


def test_an_infinite_gradient_in_one_process_ends_both(together):
    for outcome in outcomes(together, "infinite gradient"):
        assert "NonFiniteError: not finite at step 3" in outcome and "gradient norm" in outcome


def test_an_image_that_one_process_cannot_read_ends_both_after_a_checkpoint(together):
    messages = outcomes(together, "unreadable")
    assert sorted(message.split(": ")[1] for message in messages) == [
        "another process could not read an image; see its message",
        "image5 is broken",
    ]
    assert checkpoint_steps(RunFolder(together / "unreadable").checkpoints) != []


def test_an_error_of_the_main_process_ends_both(together):
    elsewhere = "ToolboxError: stopped because of an error in the main process; see its message"
    assert outcomes(together, "disk full") == ["DiskFullError: no space left", elsewhere]
    main, other = outcomes(together, "other settings")
    assert "ConfigError" in main and "engine.batch_size: 4 -> 6" in main
    assert other == elsewhere


def test_sigterm_to_one_process_ends_both_at_the_same_step(together):
    assert outcomes(together, "one terminated") == [143, 143]
    assert checkpoint_steps(RunFolder(together / "one terminated").checkpoints) == [2, 3]


def test_sigterm_to_the_launcher_leaves_a_checkpoint_to_continue_from(together, tmp_path):
    assert outcomes(together, "terminated") == [143, 143]
    folder = together / "terminated"
    assert checkpoint_steps(RunFolder(folder).checkpoints)[-1] >= 3
    run_tiny(folder, noisy=False)
    run_tiny(tmp_path, noisy=False)
    for name, weight in final_weights(tmp_path).items():
        torch.testing.assert_close(final_weights(folder)[name], weight, rtol=1e-5, atol=1e-6, msg=name)


def test_several_processes_on_one_numbered_gpu_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    with pytest.raises(ConfigError, match="cuda:1"), start_session("cuda:1"):
        pass
