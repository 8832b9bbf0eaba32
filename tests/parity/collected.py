"""Which tests would run, so that a golden case without a test is found."""

from pathlib import Path

import pytest


class CollectedTests:
    """A pytest plugin that keeps the names of the tests that would run."""

    names: tuple[str, ...] = ()

    def pytest_collection_finish(self, session):
        self.names = tuple(item.name for item in session.items)


def collected_names(pattern):
    """Names of the tests in the files of this folder that fit a pattern, e.g. ``test_scores[case]``."""
    collected = CollectedTests()
    files = [str(path) for path in Path(__file__).parent.glob(pattern)]
    pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *files], plugins=[collected])
    return collected.names
