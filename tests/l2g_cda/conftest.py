"""A generated dataset, and a run on it whose attention maps agree with its masks."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.cam.random_walk_maps import write_affinity
from common.data.images import read_label_map
from common.data.layout import DataConfig, open_layout
from common.data.toy import ToyConfig, make_toy
from common.files import write_json
from l2g_cda.maps import write_attention
from l2g_cda.settings import L2GSettings


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


@pytest.fixture
def ids(layout):
    return layout.ids("train")


@pytest.fixture
def run(layout, ids, tmp_path):
    """The folder of a run with attention maps, 200 on the object and 20 elsewhere of 255, and AffinityNet files."""
    folder = tmp_path / "runs" / "EXP"
    for image_id, tags in layout.read_tags(ids).items():
        truth, keys = read_label_map(layout.mask_path(image_id)), np.flatnonzero(tags)
        maps = np.stack([np.where(truth == key + 1, 200, 20) / 255 for key in keys]).astype(np.float32)
        write_attention(folder / "cams" / f"{image_id}.npz", Cams(keys, maps))
        write_affinity(folder / "cam_npy_aff" / f"{image_id}.npy", RandomWalk(keys, maps))
    network = {"seed": 0, "steps": {"base": 1}, "initial_weights": "random"}
    write_json(folder / "cams" / "stage.json", {"network": network})
    return folder


@pytest.fixture
def settings(toy, run):
    """Settings of that run."""
    settings = L2GSettings(out=str(run), data=DataConfig(dataset="toy", root=str(toy)))
    settings.engine.workers = 0
    settings.report.saliency_source = "generated with the toy set"
    return settings


class RandomWalk:
    """Maps for random walks of which only those at image size matter."""

    def __init__(self, keys, maps):
        self.keys, self.quarter, self.full = keys, maps[:, ::4, ::4], maps
