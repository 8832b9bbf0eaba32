"""A file holds one idea and can be read in one sitting."""

import pytest

from tests.guards.source import all_files, read

PACKAGE_LINES = 300
TEST_LINES = 400


def line_limit(name: str) -> int:
    return TEST_LINES if name.startswith("tests/") else PACKAGE_LINES


def is_too_long(name: str, text: str) -> bool:
    return len(text.splitlines()) > line_limit(name)


@pytest.mark.parametrize("name", all_files(".py"))
def test_no_file_is_too_long(name):
    assert not is_too_long(name, read(name)), f"{name} has more than {line_limit(name)} lines; split it by idea"


@pytest.mark.parametrize(("name", "limit"), [("common/engine/loop.py", 300), ("tests/common/test_files.py", 400)])
def test_one_line_too_many_is_found(name, limit):
    assert is_too_long(name, "\n" * (limit + 1))
    assert not is_too_long(name, "\n" * limit)
