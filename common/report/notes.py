"""The notes of a results table: provenance in words, said once for all numbers, else per column, else per number."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from common.data.tag_source import school_named
from common.report.names import network_name
from common.report.results import NONE, Result

# Stage, split, saliency maps and given tags are in the table itself.
DESCRIBED = ("list", "ignored", "tags", "threshold", "crf", "initial_weights", "steps", "seed", "commit")


def phrases(seeds: Sequence[Result]) -> dict[str, str]:
    """The provenance of the results of one table cell in words, by name; what does not apply is left out."""
    first = seeds[0]
    said = {
        "list": f"list {first.list} ({first.n_images} images{_left_out_phrase(first)}{_known_phrase(seeds)})",
        "ignored": _ignored_phrase(seeds),
        "tags": "" if first.tag_source == NONE else f"tags of {first.tag_source}",
        "threshold": _threshold_phrase(seeds),
        "crf": "" if first.crf == NONE else f"CRF {first.crf}",
        "initial_weights": f"initial weights {first.initial_weights}",
        "steps": _steps_phrase(first),
        "seed": ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(str(result.seed) for result in seeds),
        "commit": "commit " + ", ".join(dict.fromkeys(short_commit(result.commit) for result in seeds)),
    }
    return {name: said[name] for name in DESCRIBED if said[name]}


def shared_phrases(groups: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """The phrases that every group says alike."""
    return {name: text for name, text in groups[0].items() if all(group.get(name) == text for group in groups)}


def without(group: Mapping[str, str], *said: Mapping[str, str]) -> dict[str, str]:
    """The phrases of ``group`` that none of ``said`` holds."""
    return {name: text for name, text in group.items() if not any(name in other for other in said)}


def _ignored_phrase(seeds: Sequence[Result]) -> str:
    kept = [result.kept_miou for result in seeds if result.kept_miou is not None]
    if not kept:
        return ""
    share = statistics.fmean(result.ignored for result in seeds)
    return f"{share:.1f} % of the pixels are ignored, which counts as wrong: of the others {statistics.fmean(kept):.1f} mIoU"


def _left_out_phrase(result: Result) -> str:
    return f"; {result.left_out} more failed and are left out" if result.left_out else ""


def _known_phrase(seeds: Sequence[Result]) -> str:
    known = next((result.known_list for result in seeds if result.known_list != NONE), "")
    return f"; {known}" if known else ""


def _steps_phrase(result: Result) -> str:
    trained = {network: count for network, count in result.steps.items() if count}
    return (
        "steps " + ", ".join(f"{network_name(network)} {count}" for network, count in trained.items())
        if trained
        else "nothing trained"
    )


def _threshold_phrase(seeds: Sequence[Result]) -> str:
    if seeds[0].threshold is None:
        return "no threshold"
    values = dict.fromkeys(f"{result.threshold:g}" for result in seeds)
    return f"threshold {', '.join(values)} ({seeds[0].threshold_in_words})"


def short_commit(commit: str) -> str:
    """The first 10 digits of a commit with its ``+ uncommitted changes`` mark."""
    digits, separator, mark = commit.partition(" ")
    return digits[:10] + separator + mark


def mixed_schools_note(results: Iterable[Result]) -> str:
    """Which methods have which school's tags, where there are several; "" otherwise. See docs/lists-and-tags.md."""
    methods: dict[str, dict[str, None]] = {}
    for result in results:
        school = school_named(result.tag_source)
        if school:
            methods.setdefault(school, {})[result.method] = None
    if len(methods) < 2:
        return ""
    named = "; ".join(f"{school}: {', '.join(rows)}" for school, rows in methods.items())
    return (
        f"Schools of tags are mixed here ({named}): the same maps differ by about half a point of mIoU with other tags, one class by "
        "three. Give all rows one with data.tags before comparing them (docs/lists-and-tags.md)."
    )
