import pytest

from common.engine.session import start_session
from common.errors import ConfigError
from common.variables import number_of_variable


@pytest.mark.parametrize(("text", "number"), [("", 1), ("1", 1), ("008", 8), ("1024", 1024)])
def test_a_whole_number_is_read(monkeypatch, text, number):
    monkeypatch.setenv("GPUS", text)
    assert number_of_variable("GPUS", 1, least=1) == number


@pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5", " 1", "1_0", "auto", "1025", "9" * 5000, "\u0663"])
def test_anything_else_is_one_line_that_names_the_variable(monkeypatch, text):
    monkeypatch.setenv("GPUS", text)
    with pytest.raises(
        ConfigError, match=r"^the environment variable GPUS is '.*'; give a whole number from 1 to 1024"
    ):
        number_of_variable("GPUS", 1, least=1)


@pytest.mark.parametrize("name", ["WORLD_SIZE", "RANK", "LOCAL_RANK"])
def test_the_variables_of_a_launcher_are_read_so(monkeypatch, name):
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigError, match=f"^the environment variable {name} is 'x'"), start_session("cpu"):
        pass
