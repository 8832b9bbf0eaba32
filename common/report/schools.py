"""What a table says whose rows have tags of several schools."""

from __future__ import annotations

from collections.abc import Iterable

from common.data.tag_source import school_named
from common.report.results import Result


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
