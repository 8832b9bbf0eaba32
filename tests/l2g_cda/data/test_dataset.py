"""The training data of a dataset, and what it asks for."""

import dataclasses
import shutil

import pytest
import torch
from torch.utils.data import DataLoader

from common.data.sampling import SampleFailure, SampleKey
from common.errors import DataError
from l2g_cda.cda.build import build_bank
from l2g_cda.cda.sources import BankSources
from l2g_cda.data.collate import collate
from l2g_cda.data.dataset import training_data
from l2g_cda.data.settings import CdaConfig, ViewConfig

VIEWS = ViewConfig(resize=96, input_size=64, crop_size=48)


def test_plain_items_of_a_dataset(layout):
    data = training_data(layout, layout.ids("train"), VIEWS, None, 0)
    batch = collate([data[SampleKey(0, index)] for index in range(3)])
    assert len(data) == 12 and batch["image"].shape == (3, 3, 64, 64)


def test_pasted_items_of_a_dataset(layout, tmp_path):
    build_bank(layout, layout.ids("train"), BankSources(labels=str(layout.masks)), tmp_path, workers=0)
    data = training_data(layout, layout.ids("train"), VIEWS, CdaConfig(bank=str(tmp_path)), 0)
    batch = collate([data[SampleKey(0, index)] for index in range(3)])
    assert batch["image"].shape == (6, 3, 64, 64)
    assert batch["patch_tags"][: 3 * 6].sum() > batch["patch_tags"][3 * 6 :].sum()


def test_the_bank_is_read_once_and_travels_to_worker_processes(layout, tmp_path):
    build_bank(layout, layout.ids("train"), BankSources(labels=str(layout.masks)), tmp_path / "bank", workers=0)
    data = training_data(layout, layout.ids("train"), VIEWS, CdaConfig(bank=str(tmp_path / "bank")), 0)
    shutil.rmtree(tmp_path / "bank")
    loader = DataLoader(data, batch_sampler=[[SampleKey(0, 0), SampleKey(0, 1)]], num_workers=1, collate_fn=collate)
    (batch,) = loader
    assert torch.equal(batch["image"], collate([data[SampleKey(0, 0)], data[SampleKey(0, 1)]])["image"])


def test_a_dataset_without_saliency_is_an_error_that_names_the_folder(layout, tmp_path):
    bare = dataclasses.replace(layout, saliency=tmp_path / "Sal")
    with pytest.raises(DataError, match=r"no saliency maps: folder .*Sal does not exist"):
        training_data(bare, layout.ids("train"), VIEWS, None, 0)


def test_a_missing_bank_is_an_error(layout, tmp_path):
    with pytest.raises(DataError, match="no finished bank"):
        training_data(layout, layout.ids("train"), VIEWS, CdaConfig(bank=str(tmp_path)), 0)


def test_a_missing_map_is_reported_by_name(layout, tmp_path):
    bare = dataclasses.replace(layout, saliency=tmp_path)
    failure = training_data(bare, layout.ids("train"), VIEWS, None, 0)[SampleKey(0, 2)]
    assert isinstance(failure, SampleFailure) and layout.ids("train")[2] in failure.message
