"""The table of a comparison: the scores of every method, its difference to CAM x saliency, its time and memory."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.compare.chain import COUNTS, COUNTS_INDEX, identity_of
from common.compare.paired import Difference, ImageCounts, paired_difference, read_counts
from common.compare.plan import Chain, Source
from common.compare.running import DONE, State
from common.files import read_json
from common.report.results import NONE, ORACLE, Result, read_results
from common.report.table import Column, Row, Table, build_tables

# Every method is held against this row of the same source of saliency maps.
RIVAL = "CAM x saliency"
COMPARED = ("pseudo label", "DeepLab-v2")
# How a threshold was chosen, as the table calls it, besides the oracle's; what has no threshold has its number under the first.
FIXED, FROM_TAGS = "as published", "threshold from tags alone"
GIB = 1 << 30
# Behind the name of a file of weights in a result.
FINGERPRINT = " sha256:"


@dataclass(frozen=True)
class Line:
    """A row of the table and what stands beside its scores.

    Attributes:
        row: the scores.
        differences: column -> difference to :data:`RIVAL`; none for rows that are compared with nothing.
        minutes: mean wall time of the chains that made the row, which may have made others besides.
        peak: the most memory that one of them held, bytes.
    """

    row: Row
    differences: Mapping[Column, Difference]
    minutes: float
    peak: int


@dataclass(frozen=True)
class Failed:
    """A chain without results: what it said last, and where the rest is."""

    chain: Chain
    says: str
    log: Path


@dataclass(frozen=True)
class Comparison:
    """Attributes: table: all scores; lines: its rows with the rest; failed: chains without results; incomplete: chains of which single
    images failed, and what they said."""

    table: Table
    lines: Sequence[Line]
    failed: Sequence[Failed]
    incomplete: Sequence[tuple[Chain, str]]


@dataclass(frozen=True)
class ChainResult:
    """A result of one chain under the names that the table has for it, and as the chain itself has it."""

    chain: Chain
    result: Result
    own: Result


def compare_results(
    states: Mapping[Chain, State], folder_of: Callable[[Chain], Path], log_of: Callable[[Chain], Path]
) -> Comparison | None:
    """Arrange the results of all chains that are done; None where none is.

    Raises:
        DataError: results contradict each other; see :func:`common.report.table.build_tables`.
    """
    done = [chain for chain, state in states.items() if state.state == DONE]
    sources = list(dict.fromkeys(chain.source for chain in states))
    measured = with_weights_of_seeds(
        [one for chain in done for one in results_of_chain(chain, folder_of(chain), sources)]
    )
    failed = [Failed(chain, state.says, log_of(chain)) for chain, state in states.items() if chain not in done]
    if not measured:
        return None
    # Columns have names of their own, so that none of the usual ones is missing.
    table = dataclasses.replace(build_tables([one.result for one in measured], first_rows(measured))[0], missing=())
    lines = [line_of(row, table, measured, states, folder_of) for row in table.rows]
    return Comparison(table, lines, failed, [(chain, states[chain].says) for chain in done if states[chain].says])


def first_rows(measured: Sequence[ChainResult]) -> list[str]:
    """The rows between which the others are read stand first, the ceiling last."""
    names = list(dict.fromkeys(one.result.method for one in measured))
    order = ("all background", "plain CAM", RIVAL)
    first = [name for start in order for name in names if name == start or name.startswith(f"{start} (")]
    last = [name for name in names if name == "fully supervised"]
    return [*first, *(name for name in names if name not in (*first, *last)), *last]


def results_of_chain(chain: Chain, folder: Path, sources: Sequence[Source]) -> list[ChainResult]:
    """All records of a chain, renamed so that a row is one method with one source, and a column one way to choose the threshold."""
    files = sorted(folder.rglob("results.json"))
    found = []
    for result in (one for file in files for one in read_results(file)):
        several = len(sources) > 1 and result.saliency_source != NONE
        name = f"{result.method} ({chain.source.name})" if several else result.method
        renamed = dataclasses.replace(result, method=name, split=split_of(result))
        found.append(ChainResult(chain, renamed, result))
    return found


def with_weights_of_seeds(measured: Sequence[ChainResult]) -> list[ChainResult]:
    """Chains of several seeds differ in nothing but that: a file of weights with another content is one that each has trained itself."""
    files: dict[tuple[str, Column], set[str]] = {}
    for one in measured:
        files.setdefault((one.result.method, one.result.column), set()).add(one.result.initial_weights)
    found = []
    for one in measured:
        texts = files[one.result.method, one.result.column]
        names = {text.partition(FINGERPRINT)[0] for text in texts}
        if len(texts) > 1 and len(names) == 1 and all(FINGERPRINT in text for text in texts):
            weights = f"{names.pop()}, trained with each seed"
            one = dataclasses.replace(one, result=dataclasses.replace(one.result, initial_weights=weights))
        found.append(one)
    return found


def split_of(result: Result) -> str:
    """The split, of label maps with how the threshold was chosen; the table itself marks the oracle's."""
    if not result.stage.startswith("pseudo label") or result.oracle:
        return result.split
    return f"{result.split}, {FIXED if result.threshold_choice in ('fixed', 'not used') else FROM_TAGS}"


def line_of(
    row: Row,
    table: Table,
    measured: Sequence[ChainResult],
    states: Mapping[Chain, State],
    folder_of: Callable[[Chain], Path],
) -> Line:
    own = [one for one in measured if one.result.method == row.method]
    chains = list(dict.fromkeys(one.chain for one in own))
    differences = {}
    for column in table.columns:
        if column[0].removesuffix(ORACLE) in COMPARED:
            difference = difference_to_rival(row.method, column, measured, folder_of)
            if difference:
                differences[column] = difference
    # The floor is in every chain.
    if row.reference == "floor":
        return Line(row, differences, 0.0, 0)
    minutes = statistics.fmean(states[chain].seconds / 60 for chain in chains)
    return Line(row, differences, minutes, max(states[chain].peak_bytes for chain in chains))


def difference_to_rival(
    name: str, column: Column, measured: Sequence[ChainResult], folder_of: Callable[[Chain], Path]
) -> Difference | None:
    """Its interval; None for the rival itself and where one of both was not measured with the same seeds."""
    own = {one.chain.seed: one for one in measured if (one.result.method, one.result.column) == (name, column)}
    first = next(iter(own.values()), None)
    if first is None or first.own.method == RIVAL:
        return None
    # The rival's labels may have another way to their threshold.
    rivals = {
        one.chain.seed: one
        for one in measured
        if (one.own.method, one.chain.source) == (RIVAL, first.chain.source)
        and (one.own.stage, one.own.split) == (first.own.stage, first.own.split)
    }
    seeds = sorted(set(own) & set(rivals))
    ours = [counts_behind(own[seed], folder_of) for seed in seeds]
    theirs = [counts_behind(rivals[seed], folder_of) for seed in seeds]
    pairs = [(one, other) for one, other in zip(ours, theirs, strict=True) if one and other]
    return paired_difference([one for one, _ in pairs], [other for _, other in pairs]) if pairs else None


def counts_behind(measured: ChainResult, folder_of: Callable[[Chain], Path]) -> ImageCounts | None:
    """The counts per image of a result; None for one whose label maps have none."""
    folder = folder_of(measured.chain) / COUNTS
    if not (folder / COUNTS_INDEX).is_file():
        return None
    index, wanted = read_json(folder / COUNTS_INDEX), identity_of(measured.own)
    return read_counts(folder / f"{index.index(wanted)}.npz") if wanted in index else None
