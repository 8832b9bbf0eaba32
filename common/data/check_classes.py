"""The classes of photographs of one's own: how many images each has, and which names look like slips."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from common.data.check_report import Report
from common.data.layout import DatasetLayout
from common.data.spelling import FEW, likely_slips, mended, odd_names, rare_classes
from common.data.tags import Tags
from common.data.tags_csv import tags_as_csv
from common.files import write_text

SHOWN = 40


def check_classes(layout: DatasetLayout, tags: Tags, report: Report, mend: str = "") -> None:
    """Tell ``report`` the images per class, and which classes are rare or look misspelled; slips are no problem, only likely.

    Args:
        layout: the dataset, whose classes they are.
        tags: id -> float32 [C] of 0 and 1.
        report: what is collected and printed.
        mend: file to write with the names that look misspelled replaced; empty for none.
    """
    named = {one: [layout.classes[number] for number in np.flatnonzero(of_image)] for one, of_image in tags.items()}
    counts = Counter(dict.fromkeys(layout.classes, 0))
    counts.update(name for names in named.values() for name in names)
    listed = [f"{name} {count}" for name, count in counts.most_common(SHOWN)]
    more = [f"and {len(counts) - SHOWN} classes more"] if len(counts) > SHOWN else []
    report.say(f"per class:   {', '.join(listed + more)}")
    slips = likely_slips(counts)
    for name in rare_classes(counts):
        if name not in slips:
            report.note(f"classes with fewer than {FEW} images, which hardly teach them", f"{name} ({counts[name]})")
    for text in odd_names(named, counts):
        report.note("class names that look like several, or like parts of one", text)
    for name, other in slips.items():
        report.note(
            "class names that look misspelled" + ("" if mend else "; --mend FILE writes the tags with them replaced"),
            f"{name!r} ({counts[name]}) for {other!r} ({counts[other]})",
        )
    if mend and slips:
        write_text(Path(mend), tags_as_csv(mended(named, slips)))
        report.say(f"mended tags: {mend} (put it in the place of {layout.tags}, and take the slips out of classes.txt)")
    elif mend:
        report.say("mended tags: not written; no name looks misspelled")
