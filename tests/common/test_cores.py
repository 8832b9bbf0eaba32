"""Pieces of work on all cores."""

import threading

import pytest
import torch

from common.cores import map_on_cores


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_keep_the_order_of_the_items(two_threads):
    assert map_on_cores(lambda item: 2 * item, range(50)) == [2 * item for item in range(50)]
    assert map_on_cores(str, []) == []


def test_two_items_run_at_the_same_time_with_one_thread_each(two_threads):
    both_are_there = threading.Barrier(2, timeout=10)

    def work(item):
        both_are_there.wait()
        return torch.get_num_threads()

    assert map_on_cores(work, ["a", "b"]) == [1, 1]
    assert torch.get_num_threads() == 2


def test_threads_that_are_left_over_are_shared():
    before = torch.get_num_threads()
    torch.set_num_threads(5)
    try:
        assert map_on_cores(lambda item: torch.get_num_threads(), ["a", "b"]) == [2, 2]
    finally:
        torch.set_num_threads(before)


def test_a_single_item_keeps_all_threads(two_threads):
    assert map_on_cores(lambda item: torch.get_num_threads(), ["a"]) == [2]


def test_an_error_is_raised_and_the_threads_are_restored(two_threads):
    with pytest.raises(ZeroDivisionError):
        map_on_cores(lambda item: 1 // item, [1, 0, 1])
    assert torch.get_num_threads() == 2

    from_new_thread = []
    other = threading.Thread(target=lambda: from_new_thread.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert from_new_thread == [2]
