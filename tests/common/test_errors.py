from __future__ import annotations

import subprocess
import sys

import pytest

from common.errors import CheckpointError, ConfigError, DataError, DiskFullError, NonFiniteError, require, run_command


@pytest.mark.parametrize(("result", "status"), [(None, 0), (0, 0), (1, 1)])
def test_the_status_of_a_command_is_its_result(result, status):
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: result)
    assert caught.value.code == status


@pytest.mark.parametrize("kind", [CheckpointError, ConfigError, DataError, DiskFullError, NonFiniteError])
def test_an_error_the_user_can_act_on_is_one_line_and_status_2(capsys, kind):
    def fail():
        raise kind("what and why")

    with pytest.raises(SystemExit) as caught:
        run_command(fail)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: what and why\n"


def test_a_programming_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)


def test_a_reader_that_has_gone_ends_the_command_without_a_traceback():
    code = "from common.errors import run_command; run_command(lambda: print('line ' * 100_000))"
    command = f"set -o pipefail; '{sys.executable}' -c \"{code}\" | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (141, "l", "")


def test_settings_that_do_not_hold_are_an_error_with_the_message_given():
    require(True, "never said")
    with pytest.raises(ConfigError, match="give another"):
        require(False, "give another")


def test_a_message_is_one_line_whatever_it_quotes():
    assert str(ConfigError("the name 'a\nb\u2028c' is wrong")) == "the name 'a b c' is wrong"
