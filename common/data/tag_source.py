"""Which tags a result is of: the file, its fingerprint over the list, and whose tags of VOC or COCO these are.

VOC's 10,582 training images have three schools of tags, which differ in 8 % of the images (:mod:`common.data.tag_schools`).
The same CAMs score otherwise with the tags of another school, so a result names its tags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from common.data.layout import DatasetLayout
from common.data.published_lists import published
from common.data.tag_fingerprint import DIGITS, tag_fingerprint
from common.data.tag_schools import describe_school
from common.data.tags import Tags

SCHOOL_NAMED = re.compile(r"\(school (xml|pixels|sbd)\b")


def describe_tags(layout: DatasetLayout, ids: Sequence[str]) -> str:
    """The tags of a list in words: ``cls_labels.npy 9e20c847 (school xml: VOC trainaug (10,582), all objects of ...)``.

    Raises:
        DataError: there are no tags, or some of ``ids`` have none.
    """
    tags, origin, is_of_school = layout.made_tags(ids)
    whose = describe_known(tags, layout.classes) or (f"school {layout.school}" if is_of_school else "")
    return f"{origin} {tag_fingerprint(tags)[:DIGITS]}" + (f" ({whose})" if whose else "")


def describe_known(tags: Tags, classes: Sequence[str]) -> str:
    """Whose tags these are: published ones, or a part of a school's; "" where nothing is known.

    Args:
        tags: id -> float32 [C] of 0 and 1.
    """
    known = published()[1].get(tag_fingerprint(tags))
    return f"school {known.school}: {known.what}" if known is not None else describe_school(tags, classes)


def school_named(tag_source: str) -> str:
    """The school that a text of :func:`describe_tags` names, "" for none."""
    match = SCHOOL_NAMED.search(tag_source)
    return match[1] if match else ""


def same_tags(one: str, other: str) -> bool:
    """Whether two texts of :func:`describe_tags` name one file and fingerprint, whatever is said of whose tags they are."""
    return one.partition(" (")[0] == other.partition(" (")[0]
