"""What was found in a folder of photographs, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.image_names import other_pictures
from common.data.spelling import FEW, likely_slips, mended, odd_names, rare_classes
from common.data.tags_csv import tags_as_csv
from common.files import write_text
from common.own.photographs import Photographs

NAMED = 5


def said_about(photographs: Photographs, out: Path) -> list[str]:
    """Print what was found, and write a mended table where names look misspelled."""
    counts = photographs.counts()
    print(f"photographs: {len(photographs.tags)} with tags in {photographs.images}\ntags:        {photographs.source}")
    for name, count in counts.most_common():
        print(f"  {name}: {count} images")
    notes = []
    if photographs.untagged:
        notes.append(
            f"{len(photographs.untagged)} images have no tags and are only predicted: {listed(photographs.untagged)}"
        )
    if photographs.without_file:
        notes.append(
            f"{len(photographs.without_file)} tags are of images that are not there: {listed(photographs.without_file)}"
        )
    others = other_pictures(photographs.images)
    if others:
        notes.append(f"{len(others)} pictures are of a form that is not read, save them as JPEG: {listed(others)}")
    blank = [one for one, names in photographs.tags.items() if not names]
    if blank:
        notes.append(
            f"{len(blank)} images have an empty row, which says that they show none of the classes: {listed(blank)}"
        )
    notes += odd_names(photographs.tags, counts)
    slips = likely_slips(counts)
    rare = [name for name in rare_classes(counts) if name not in slips]
    if rare:
        notes.append(f"fewer than {FEW} images, which hardly teach a class: {listed(rare)}")
    if slips:
        write_text(out / "tags_mended.csv", tags_as_csv(mended(photographs.tags, slips)))
        pairs = ", ".join(f"{name!r} for {other!r}" for name, other in slips.items())
        notes.append(f"looks misspelled: {pairs}; if so, run again with --tags {out / 'tags_mended.csv'}")
    for note in notes:
        print(f"note: {note}")
    return notes


def listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
