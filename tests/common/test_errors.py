from __future__ import annotations

import pytest

from common.errors import CheckpointError, ConfigError, DataError, DiskFullError, NonFiniteError, run_command


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
