"""The rows of a comparison in small sizes are made again, one seed of each, and lie within the spread that is stored with them.

``held_rows.csv`` is what the command wrote (60 images of 64 x 64 pixels, 60 steps, three seeds)::

    python -m common.data.toy SET --n-train 60 --n-val 20 --size 64
    python -m common.compare --data toy --root SET --seeds 3 --max-steps 60 --chain.segmentation "" --workers 0 --device cpu

Another machine has other bits after a few steps, which is like another seed. Whoever changes what is computed makes the file anew and says why.
"""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import NamedTuple

import pytest

from common.compare.__main__ import main
from common.data.toy import ToyConfig, make_toy

HELD = Path(__file__).with_name("held_rows.csv")
# Three seeds say little of the deviation of one row; of all rows together they do.
DEVIATIONS = 3


class Row(NamedTuple):
    """What a row is of."""

    method: str
    saliency: str
    stage: str
    split: str
    crf: str


def rows_of(path: Path) -> dict[Row, tuple[float, float]]:
    """Row -> mean and standard deviation of its mIoU in percent."""
    with path.open(newline="", encoding="utf-8") as file:
        return {
            Row(*(line[name] for name in Row._fields)): (float(line["miou_mean"]), float(line["miou_std"] or 0))
            for line in csv.DictReader(file)
        }


STORED = rows_of(HELD)
SPREAD = statistics.mean(deviation**2 for _, deviation in STORED.values() if deviation) ** 0.5


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[Row, tuple[float, float]]:
    folder = tmp_path_factory.mktemp("held")
    make_toy(folder / "set", ToyConfig(n_train=60, n_val=20, size=64))
    flags = ["--max-steps", "60", "--chain.segmentation", "", "--workers", "0", "--device", "cpu"]
    assert main(["--data", "toy", "--root", str(folder / "set"), "--out", str(folder / "out"), *flags]) == 0
    return rows_of(folder / "out" / "comparison.csv")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_same_rows_are_made(made):
    assert set(made) == set(STORED)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("row", STORED, ids=lambda row: " ".join((row.method, row.stage, row.split)))
def test_a_row_lies_within_its_spread(made, row):
    mean, deviation = STORED[row]
    assert abs(made[row][0] - mean) <= DEVIATIONS * max(deviation, SPREAD)


def test_the_spread_tells_a_method_from_the_floor():
    floor = max(mean for row, (mean, _) in STORED.items() if row.method == "all background")
    assert DEVIATIONS * SPREAD < 15
    assert sum(mean > floor + DEVIATIONS * SPREAD for mean, _ in STORED.values()) > len(STORED) / 3
