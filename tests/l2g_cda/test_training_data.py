"""The training data of a dataset, and what it asks for."""

import dataclasses
import shutil

import pytest
import torch
from torch.utils.data import DataLoader

from common.data.layout import DataConfig
from common.data.sampling import SampleFailure, SampleKey
from common.errors import DataError
from l2g_cda.bank import BankConfig
from l2g_cda.method import BANK, pasted_views, plain_views
from l2g_cda.pasting import CdaConfig
from l2g_cda.settings import L2GSettings
from l2g_cda.views import ViewConfig, collate


@pytest.fixture
def settings(toy, layout, tmp_path):
    """Settings whose bank, not made yet, comes from the true masks."""
    settings = L2GSettings(
        data=DataConfig(dataset="toy", root=str(toy)),
        views=ViewConfig(short_side=96, input_size=64, patch_side=48),
        bank=BankConfig(label_maps=str(layout.masks)),
        cda=CdaConfig(bank=str(tmp_path / "bank")),
    )
    settings.engine.workers = 0
    return settings


def test_plain_items_of_a_dataset(settings, layout):
    data = plain_views(settings, layout)
    batch = collate([data[SampleKey(0, index)] for index in range(3)])
    assert len(data) == 12 and batch["image"].shape == (3, 3, 64, 64)


def test_pasted_items_of_a_dataset(settings, layout):
    assert BANK.run(settings) == 0
    data = pasted_views(settings, layout)
    batch = collate([data[SampleKey(0, index)] for index in range(3)])
    assert batch["image"].shape == (6, 3, 64, 64)
    assert batch["patch_tags"][: 3 * 6].sum() > batch["patch_tags"][3 * 6 :].sum()


def test_the_bank_is_read_once_and_travels_to_worker_processes(settings, layout):
    BANK.run(settings)
    data = pasted_views(settings, layout)
    shutil.rmtree(settings.cda.bank)
    loader = DataLoader(data, batch_sampler=[[SampleKey(0, 0), SampleKey(0, 1)]], num_workers=1, collate_fn=collate)
    (batch,) = loader
    assert torch.equal(batch["image"], collate([data[SampleKey(0, 0)], data[SampleKey(0, 1)]])["image"])


def test_a_dataset_without_saliency_is_an_error_that_names_the_folder(settings, layout, tmp_path):
    bare = dataclasses.replace(layout, saliency=tmp_path / "Sal")
    with pytest.raises(DataError, match=r"no saliency maps: folder .*Sal does not exist"):
        plain_views(settings, bare)


def test_a_missing_bank_is_an_error(settings, layout):
    with pytest.raises(DataError, match="no finished bank"):
        pasted_views(settings, layout)


def test_a_missing_map_is_reported_by_name(settings, layout, tmp_path):
    bare = dataclasses.replace(layout, saliency=tmp_path)
    failure = plain_views(settings, bare)[SampleKey(0, 2)]
    assert isinstance(failure, SampleFailure) and layout.ids("train")[2] in failure.message
