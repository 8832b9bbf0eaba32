"""Pieces of work on all cores."""

import os
import threading

import pytest
import torch

from common.cores import map_on_cores, split_over_threads, torch_threads


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


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_cover_everything_once_whatever_the_number_of_threads(threads):
    with torch_threads(threads):
        for number in (0, 1, 2, 7, 100):
            done = [0] * number
            names = set()

            def work(start, stop, done=done, names=names):
                names.add(threading.current_thread().name)
                for item in range(start, stop):
                    done[item] += 1

            split_over_threads(work, number)
            assert done == [1] * number
            assert len(names) <= max(1, min(threads, number))


def test_parts_run_at_the_same_time(two_threads):
    both_are_there = threading.Barrier(2, timeout=10)
    split_over_threads(lambda start, stop: both_are_there.wait(), 2)


def test_an_error_in_a_part_is_raised(two_threads):
    with pytest.raises(ZeroDivisionError):
        split_over_threads(lambda start, stop: 1 // start, 4)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_process_has_threads_of_its_own(two_threads):
    split_over_threads(lambda start, stop: None, 4)
    child = os.fork()
    if child == 0:
        split_over_threads(lambda start, stop: None, 4)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
