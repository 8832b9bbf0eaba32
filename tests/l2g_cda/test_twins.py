"""Each index gives an original and a pasted view; tags follow what is shown, or the published defect."""

import numpy as np
import pytest
import torch

from common.data.sampling import SampleFailure, SampleKey, SeededDataset
from common.errors import DataError
from l2g_cda.bank import ForegroundBank
from l2g_cda.pasting import CdaConfig, PastedTwins
from l2g_cda.views import ViewConfig, ViewMaker
from tests.l2g_cda.bank_samples import foreground, sample

VIEWS = ViewConfig(short_side=40, input_size=32, patch_side=24)
BANK = ForegroundBank({number: [foreground(number), foreground(number, 5, 5)] for number in range(4)})
FIRST = SampleKey(0, 0)


def twins(tags=(1, 0, 0, 0), bank=BANK, **settings):
    return PastedTwins([sample(tags)], ViewMaker(VIEWS), 0, bank, CdaConfig(**settings))


def test_the_pasted_view_shows_one_absent_class_more():
    pair = twins()[FIRST]
    added = pair["pasted"]["patch_tags"] - pair["original"]["patch_tags"]
    assert pair["original"]["patch_tags"].tolist() == [1, 0, 0, 0]
    assert sorted(added.tolist()) == [0, 0, 0, 1] and added[0] == 0
    assert pair["pasted"]["saliency"].max() > 0 and pair["original"]["saliency"].max() == 0


def test_published_tags_filter_the_original_by_the_pasted_class_too():
    pair = twins()[FIRST]
    assert torch.equal(pair["original"]["tags"], pair["pasted"]["tags"])


def test_repaired_tags_leave_the_original_alone():
    pair = twins(twin_tags="repaired")[FIRST]
    assert pair["original"]["tags"].tolist() == [1, 0, 0, 0]
    assert pair["pasted"]["tags"].sum() == 2


def test_growing_tags_gain_a_class_every_epoch_and_the_dataset_keeps_its_own():
    growing = twins(twin_tags="growing")
    counts = [growing[SampleKey(epoch, 0)]["original"]["tags"].sum().item() for epoch in range(4)]
    assert counts == [2, 3, 4, 4]
    assert growing.samples[0]["tags"].tolist() == [1, 0, 0, 0]


def test_growing_tags_do_not_depend_on_what_was_drawn_before():
    fresh, used = twins(twin_tags="growing"), twins(twin_tags="growing")
    _ = [used[SampleKey(epoch, 0)] for epoch in (2, 0)]
    assert torch.equal(fresh[SampleKey(1, 0)]["pasted"]["tags"], used[SampleKey(1, 0)]["pasted"]["tags"])


def test_the_original_is_the_same_with_and_without_a_twin():
    plain = SeededDataset([sample((1, 0, 0, 0))], ViewMaker(VIEWS), 0)[FIRST]
    assert torch.equal(twins()[FIRST]["original"]["image"], plain["image"])


def test_an_item_is_decided_by_seed_epoch_and_index():
    again, later = twins()[FIRST], twins()[SampleKey(1, 0)]
    assert torch.equal(twins()[FIRST]["pasted"]["image"], again["pasted"]["image"])
    assert not torch.equal(again["pasted"]["image"], later["pasted"]["image"])


def test_classes_without_objects_are_never_pasted():
    few = twins(bank=ForegroundBank({2: [foreground(2)]}))
    assert all(few[SampleKey(epoch, 0)]["pasted"]["tags"].tolist() == [1, 0, 1, 0] for epoch in range(5))


def test_an_image_with_every_class_of_the_bank_gets_nothing():
    pair = twins(tags=(1, 1, 1, 1))[FIRST]
    assert pair["pasted"]["tags"].tolist() == [1, 1, 1, 1]
    assert pair["pasted"]["saliency"].max() == 0


def test_an_unreadable_image_is_named():
    class Broken:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            raise DataError("image one does not exist.")

    failure = PastedTwins(Broken(), ViewMaker(VIEWS), 0, BANK, CdaConfig())[FIRST]
    assert failure == SampleFailure("image one does not exist.")


@pytest.mark.parametrize("channels", ["published", "repaired"])
def test_channels_follow_the_setting(channels):
    still = ViewConfig(short_side=40, input_size=32, patch_side=24, jitter=(0, 0, 0, 0))
    pair = PastedTwins([sample((1, 0, 0, 0))], ViewMaker(still), 0, BANK, CdaConfig(channels=channels))[FIRST]
    differs = (pair["pasted"]["image"][0] != pair["original"]["image"][0]).float().mean().item()
    assert (differs == 1) == (channels == "published") and differs > 0


def test_the_samples_are_left_as_they_were():
    one = sample((1, 0, 0, 0))
    before = {name: np.copy(value) for name, value in one.items()}
    _ = PastedTwins([one], ViewMaker(VIEWS), 0, BANK, CdaConfig())[FIRST]
    assert all((one[name] == before[name]).all() for name in ("image", "saliency", "tags"))
