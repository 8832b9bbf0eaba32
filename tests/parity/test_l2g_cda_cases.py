"""No golden case of L2G + CDA is left out."""

import re
from pathlib import Path

import pytest

from tests.parity.l2g_cda_cases import CASES


class CollectedTests:
    """A pytest plugin that keeps the names of the tests that would run."""

    names: tuple[str, ...] = ()

    def pytest_collection_finish(self, session):
        self.names = tuple(item.name for item in session.items)


def test_every_open_case_is_named_by_a_test():
    collected = CollectedTests()
    files = [str(path) for path in Path(__file__).parent.glob("test_l2g_cda_*.py")]
    pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *files], plugins=[collected])
    parts = {part for name in collected.names for part in re.split(r"[\[\]-]", name)}
    assert set(CASES) - parts == set()
