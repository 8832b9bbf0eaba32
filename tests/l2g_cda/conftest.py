"""A generated dataset."""

import pytest

from common.data.layout import DataConfig, open_layout
from common.data.toy import ToyConfig, make_toy


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """Folder of a small generated dataset."""
    root = tmp_path_factory.mktemp("toy")
    # With this seed every class occurs.
    make_toy(root, ToyConfig(n_train=12, n_val=4, max_objects=1, miss_rate=0, seed=4))
    return root


@pytest.fixture(scope="session")
def layout(toy):
    return open_layout(DataConfig(dataset="toy", root=str(toy)))
