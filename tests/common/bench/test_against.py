import pytest

from common.bench import against
from common.bench.__main__ import main
from common.bench.against import Figures, Run, comparison_lines, figures_of
from common.errors import ConfigError, DataError

PROGRAM = """
import sys
print("2 steps of nothing")
print("training step, bf16: {seconds} s (1.50 times as fast), peak 0.1 GB")
print("  torch, 1 core        1.30 images/s   {seconds}00 ms   2 x pydensecrf")
print("only {name}: 1 s")
sys.exit({status})
"""


def checkout(folder, name, seconds, status=0):
    root = folder / name
    (root / "common").mkdir(parents=True)
    (root / "timed.py").write_text(PROGRAM.format(seconds=seconds, name=name, status=status))
    return root


def test_times_are_read_behind_the_words_of_a_line():
    text = "a step: 1.5 s (2.0 times)\n  torch, 1 core   1.30 images/s   768.1 ms  2 x\nnothing here 3 s\nb: none\na step: 2 s"
    assert {work: one.seconds for work, one in figures_of(text).items()} == {
        "a step": 1.5,
        "torch, 1 core": 0.7681,
        "a step (2)": 2.0,
    }


def test_two_checkouts_are_run_in_turns_and_compared_line_by_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(against, "TOP", checkout(tmp_path, "here", 2))
    there = checkout(tmp_path, "there", 3)
    assert against.main([str(there), "--repeats", "2", "--", "-m", "timed"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0]
        == "training step, bf16: 2.000 s, there 3.000 s, 1.50 times as fast (1.50 to 1.50); peak 0.10 GB, there 0.10 GB (1.00 of it)"
    )
    assert lines[1].startswith("torch, 1 core: 0.200 s, there 0.300 s, 1.50 times as fast")
    assert lines[2].startswith("processor time of the whole command: ")
    assert lines[3:] == ["not in both: only here", "not in both: only there"]


def test_the_ratio_is_the_median_over_pairs_of_runs():
    own = [Run({"work": Figures(seconds, 0)}, 1.0) for seconds in (1.0, 2.0, 1.0)]
    other = [Run({"work": Figures(seconds, 2)}, 2.0) for seconds in (2.0, 2.0, 3.0)]
    assert comparison_lines(own, other)[0] == "work: 1.000 s, there 2.000 s, 2.00 times as fast (1.00 to 3.00)"


def test_what_cannot_be_compared_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(against, "TOP", checkout(tmp_path, "here", 2))
    with pytest.raises(ConfigError, match="no folder common"):
        against.main([str(tmp_path), "--", "-m", "timed"])
    with pytest.raises(ConfigError, match="behind --"):
        against.main([str(tmp_path / "here")])
    with pytest.raises(DataError, match="ended with 3"):
        against.main([str(checkout(tmp_path, "broken", 2, status=3)), "--", "-m", "timed"])
    with pytest.raises(DataError, match="no line with a time"):
        against.main([str(tmp_path / "here"), "--", "-c", "print(1)"])


@pytest.mark.parametrize("command", [["-m", "timed"], ["timed.py"]])
def test_a_command_that_one_checkout_lacks_is_not_taken_from_elsewhere(tmp_path, monkeypatch, command):
    monkeypatch.setattr(against, "TOP", checkout(tmp_path, "here", 2))
    there = checkout(tmp_path, "there", 3)
    (there / "timed.py").unlink()
    with pytest.raises(ConfigError, match="there has no timed"):
        against.main([str(there), "--", *command])


def test_it_is_one_of_the_benchmarks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(against, "TOP", checkout(tmp_path, "here", 2))
    command = ["against", str(tmp_path / "here"), "--repeats", "1", "--", "-m", "timed"]
    assert main(command) == 0
    assert "1.00 times as fast" in capsys.readouterr().out
