"""One thread, so that sums are formed in the same order in every process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.cores import torch_threads


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield
