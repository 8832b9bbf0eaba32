"""Chains that left results and counts, without having been run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.compare.chain import COUNTS, COUNTS_INDEX, identity_of
from common.compare.paired import ImageCounts, write_counts
from common.compare.plan import Chain, Source
from common.compare.running import DONE, State
from common.files import write_json
from common.metrics.confusion import confusion_matrix
from common.metrics.scores import compute_scores
from common.report.record import score_fields
from common.report.results import Result, add_results
from tests.common.report.conftest import VALID

NAMES = ["background", "ring", "disc"]


class Chains:
    """``chains.add("sgan", "SGAN", quality)``: a chain that is done, with results of label maps and predictions of that quality."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.states: dict[Chain, State] = {}

    def folder_of(self, chain: Chain) -> Path:
        return self.folder / chain.name

    def log_of(self, chain: Chain) -> Path:
        return self.folder_of(chain) / "log.txt"

    def add(self, method: str, row: str, quality: float, seed: int = 0, source: str = "own", **changes: Any) -> Chain:
        chain = Chain(method, Source(source), seed)
        self.states[chain] = State(DONE, "k", 60.0 * (seed + 1), 3 << 30)
        folder = self.folder_of(chain)
        done = json.loads((folder / COUNTS / COUNTS_INDEX).read_text()) if (folder / COUNTS).is_dir() else []
        for stage, split in (("pseudo label", "train"), ("DeepLab-v2", "val")):
            counts = made_counts(quality, seed)
            fields = score_fields(compute_scores(counts.counts.sum(0), NAMES))
            threshold = {} if stage == "pseudo label" else {"threshold": None, "threshold_choice": "not used"}
            record = VALID | {"method": row, "stage": stage, "split": split, "seed": seed, **fields, **threshold}
            result = Result(**(record | changes | threshold))
            add_results(folder / stage / "results.json", [result])
            write_counts(folder / COUNTS / f"{len(done)}.npz", counts)
            done.append(identity_of(result))
        write_json(folder / COUNTS / COUNTS_INDEX, done)
        return chain


def made_counts(quality: float, seed: int, n: int = 30) -> ImageCounts:
    generator, matrices = np.random.default_rng(seed), []
    for _ in range(n):
        truth = generator.integers(0, 3, (8, 8))
        wrong = generator.integers(0, 3, (8, 8))
        matrices.append(confusion_matrix(truth, np.where(generator.random((8, 8)) < quality, truth, wrong), 3))
    return ImageCounts(tuple(map(str, range(n))), np.stack(matrices))


@pytest.fixture
def chains(tmp_path: Path) -> Chains:
    return Chains(tmp_path)
