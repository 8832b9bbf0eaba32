"""Rows, columns, differences and failures of the table of all methods."""

from __future__ import annotations

import csv
import io

import pytest

from common.compare.plan import Chain, Source
from common.compare.running import FAILED, State
from common.compare.table import compare_results
from common.compare.text import as_csv, as_markdown, as_page
from common.errors import DataError
from common.report.published import published_numbers


def compared(chains):
    return compare_results(chains.states, chains.folder_of, chains.log_of)


@pytest.fixture
def two(chains):
    """CAM x saliency and a better method, with two seeds."""
    for seed in range(2):
        chains.add("plain_cam", "CAM x saliency", 0.7, seed, saliency_source="maps", threshold_choice="fixed")
        chains.add("sgan", "SGAN", 0.9, seed, saliency_source="maps", threshold=None, threshold_choice="not used")
    return chains


def test_a_method_stands_beside_its_rival_with_seeds_difference_time_and_memory(two):
    found = compared(two)
    rival, sgan = found.lines
    assert [line.row.method for line in found.lines] == ["CAM x saliency", "SGAN"]
    assert rival.differences == {} and set(sgan.differences) == set(found.table.columns)
    assert all(one.low > 0 and one.n_images == 30 for one in sgan.differences.values())
    assert sgan.minutes == pytest.approx(1.5) and sgan.peak == 3 << 30
    cell = sgan.row.cells[0]
    assert len(cell.results) == 2 and cell.deviation is not None
    whole = [line.row.cells[0].mean for line in found.lines]
    assert sgan.differences[found.table.columns[0]].mean == pytest.approx(whole[1] - whole[0])


def test_seeds_may_start_from_weights_that_each_has_trained_itself_and_from_no_other_ones(chains):
    def add(seed, weights):
        chains.add("i2crc", "I2CRC", 0.9, seed, initial_weights=weights)

    add(0, "file checkpoint_60.pth sha256:f2bb35e0")
    add(1, "file checkpoint_60.pth sha256:9773a2a2")
    (line,) = compared(chains).lines
    cell = line.row.cells[0]
    assert len(cell.results) == 2
    assert {one.initial_weights for one in cell.results} == {"file checkpoint_60.pth, trained with each seed"}
    add(2, "torchvision IMAGENET1K_V1")
    with pytest.raises(DataError, match="differ in initial_weights"):
        compared(chains)


def test_the_ways_to_choose_a_threshold_have_columns_of_their_own(chains):
    chains.add("plain_cam", "plain CAM", 0.6, threshold_choice="best on train.txt against its masks")
    chains.add("plain_cam", "plain CAM", 0.6, threshold_choice="from tags alone on train.txt")
    chains.add("sgan", "SGAN", 0.9, threshold=None, threshold_choice="not used")
    columns = [" ".join(column) for column in compared(chains).table.columns]
    assert columns == [
        "pseudo label, oracle threshold train",
        "pseudo label train, as published",
        "pseudo label train, threshold from tags alone",
        "DeepLab-v2 val",
    ]


def test_with_several_sources_a_guided_row_says_which_and_is_held_against_the_same(chains):
    for source, quality in (("pfan", 0.8), ("net", 0.6)):
        chains.add("plain_cam", "CAM x saliency", quality, source=source, saliency_source=source)
        chains.add("sgan", "SGAN", quality, source=source, saliency_source=source)
    found = compared(chains)
    assert [line.row.method for line in found.lines] == [
        "CAM x saliency (pfan)", "CAM x saliency (net)", "SGAN (pfan)", "SGAN (net)",
    ]  # fmt: skip
    for line in found.lines[2:]:
        assert all((one.mean, one.low, one.high) == (0, 0, 0) for one in line.differences.values())


def test_a_failed_chain_is_named_with_its_log_and_the_rest_stands(two):
    broken = Chain("smaf", Source("own"), 0)
    two.states[broken] = State(FAILED, "k", 1.0, 0, "error: no saliency maps")
    found = compared(two)
    assert [one.chain for one in found.failed] == [broken] and len(found.lines) == 2
    text = as_markdown(found, "today", [])
    assert "FAILED: smaf/own/seed0: error: no saliency maps" in text and "log.txt" in text


def test_without_any_result_there_is_no_table(chains):
    chains.states[Chain("smaf", Source("own"), 0)] = State(FAILED, "k", 1.0, 0, "error")
    assert compared(chains) is None


def test_the_texts_hold_the_same_numbers(two):
    found = compared(two)
    markdown, page = as_markdown(found, "2020-01-01", published_numbers("voc")), as_page(found, "2020-01-01", [])
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert len(rows) == 4
    for row in rows:
        shown = f"{float(row['miou_mean']):.1f} ± {float(row['miou_std']):.1f}"
        assert shown in markdown and shown in page
        if row["difference"]:
            assert f"{float(row['difference']):+.1f}" in markdown
    assert "As published" in markdown and "69.22" in markdown
    assert "<script" not in page and "src=" not in page


def test_published_numbers_say_where_they_are_from_and_are_of_one_dataset():
    numbers = published_numbers("voc")
    assert {"SGAN", "EPS", "SMAF", "L2G", "I2CRC", "SOD-WSSS"} <= {one.method for one in numbers}
    assert all(one.source and one.conditions and 0 < one.value < 100 for one in numbers)
    assert published_numbers("toy") == []
