"""The largest label, however many are enlarged at a time."""

import pytest
import torch

from deeplabv2.resize import enlarge_maps, largest_enlarged


@pytest.mark.parametrize("at_once", [1, 2 * 2 * 30 * 41, 1 << 26])
def test_few_labels_at_a_time_give_what_all_at_once_give(at_once):
    scores = torch.randn(2, 7, 9, 11, generator=torch.Generator().manual_seed(0))
    labels = largest_enlarged(scores, (30, 41), at_once)
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), enlarge_maps(scores, (30, 41)).argmax(1))


@pytest.mark.parametrize("at_once", [1, 1 << 26])
def test_the_first_of_equal_labels_wins(at_once):
    assert largest_enlarged(torch.zeros(1, 5, 2, 2), (4, 4), at_once).unique().tolist() == [0]
