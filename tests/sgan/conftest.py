"""A generated dataset of a few images with initial seeds, and a tiny network trained for two steps on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from common.cam.files import Cams, write_cams
from common.config import parse_config
from common.cores import torch_threads
from common.data.dataset import ListedImages
from common.data.layout import DataConfig, open_layout
from common.data.toy import ToyConfig, make_toy
from sgan.method import INITIAL_SEEDS, SEED_LABELS, SGAN_MAPS, SGAN_TRAINING
from sgan.settings import SGAN_KEYS, SganSettings

TINY = [
    *("--cfg_name", "tiny"),
    *("--dataset_name", "toy"),
    *("--dataset_root", "data"),
    *("--sal_subdir", ""),
    *("--sdnet_path", ""),
    *("--seed_subdir", "seeds"),
    *("--batch_size", "2"),
    *("--num_worker", "0"),
    *("--resize", "33"),
    *("--pretrain", ""),
    *("--max_iter", "2"),
    *("--display_step", "1"),
    *("--backbone.width", "0.05"),
    *("--engine.device", "cpu"),
    *("--engine.save_every", "1"),
    *("--stage0.cams", "cams"),
    *("--report.saliency_source", "generated"),
]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


def tiny(*flags: str) -> SganSettings:
    return parse_config(SganSettings, [*TINY, *flags], program="tiny", aliases=SGAN_KEYS)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data`` (4 training images), ``cams``, initial ``seeds``, a trained ``model`` and its ``result``."""
    folder = tmp_path_factory.mktemp("sgan")
    make_toy(folder / "data", ToyConfig(n_train=4, n_val=2, size=40))
    layout = open_layout(DataConfig(dataset="toy", root=str(folder / "data")))
    images = ListedImages(layout, layout.ids("train"), {"tags", "saliency"})
    for sample in images:
        keys = np.flatnonzero(sample["tags"])
        maps = np.stack([sample["saliency"].astype(np.float32) / 255 * (0.5 + 0.1 * key) for key in keys])
        write_cams(folder / "cams" / f"{sample['id']}.npz", Cams(keys, maps))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in (INITIAL_SEEDS, SGAN_TRAINING, SGAN_MAPS, SEED_LABELS):
            assert stage.run(tiny()) == 0
    return folder


@pytest.fixture
def settings(work: Path) -> Callable[..., SganSettings]:
    """``settings(*flags)``: the settings of the tiny run, in ``work``."""
    return tiny
