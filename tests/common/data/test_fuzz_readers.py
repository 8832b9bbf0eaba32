"""Damaged files of every form: a reader either reads them or says on one line which file is wrong."""

import random
import warnings
from pathlib import Path

import pytest

from common.errors import DataError
from tests.common.data.mutants import Seed, mutant, odd_file, seeds

SEEDS = seeds()
MUTANTS_PER_SEED = 40
ODD_FILES = 600
LONGEST_MESSAGE = 1500


def read_or_refuse(seed: Seed, path: Path) -> bool:
    """Read a file; whether that was possible. A refusal names the file (or its folder), on one printable line."""
    try:
        with warnings.catch_warnings():
            # Pillow and numpy warn of some damage, and then go on.
            warnings.simplefilter("ignore")
            seed.read(path)
    except DataError as error:
        text = str(error)
        assert path.name in text or str(path.parent) in text
        assert "\n" not in text and len(text) < LONGEST_MESSAGE
        text.encode()
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path: Path, seed: Seed) -> None:
    rng, path = random.Random(seed.name), tmp_path / seed.name
    path.write_bytes(seed.content)
    assert read_or_refuse(seed, path) == seed.is_right
    for _ in range(MUTANTS_PER_SEED):
        path.write_bytes(mutant(seed.content, rng))
        read_or_refuse(seed, path)


def test_values_of_every_type_in_the_place_of_others_are_refused_by_name(tmp_path: Path) -> None:
    rng, refused = random.Random(0), 0
    for _ in range(ODD_FILES):
        seed = odd_file(rng)
        (tmp_path / seed.name).write_bytes(seed.content)
        refused += not read_or_refuse(seed, tmp_path / seed.name)
    assert refused > ODD_FILES // 2
