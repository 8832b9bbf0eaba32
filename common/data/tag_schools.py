"""The three schools of VOC's image tags, and the exact way from each to the others.

==========  =====================================================================  =======================================
school      an image has the tag of a class when                                   who
==========  =====================================================================  =======================================
``xml``     its annotation has an object of it, difficult ones too                 PSA, IRN, EPS, SMAF and 38 others
``pixels``  its mask (SegmentationClassAug) has a pixel of it                      OAA, L2G, DRS, NSROM, I2CRC
``sbd``     it would have a pixel if every image had an SBD mask                   SGAN
==========  =====================================================================  =======================================

They differ in 896 of the 10,582 training images and in one of the 1,449 of val; ``voc_tag_schools.csv`` has a row for each: the classes
that ``xml`` names and another does not, or the other way round. So any of the three, or the part of it that covers some images, is turned
into any other without a mask. For images outside of these two lists nothing is known, and the schools are taken to agree.
"""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from common.data.classes import VOC_CLASSES, name_classes
from common.data.published_lists import list_fingerprint, published
from common.data.tag_fingerprint import tag_fingerprint
from common.data.tags import Tags
from common.errors import DataError

TagSchool = Literal["xml", "pixels", "sbd"]
TAG_SCHOOLS: tuple[TagSchool, ...] = get_args(TagSchool)
SCHOOLS_FILE = "voc_tag_schools.csv"


@dataclass(frozen=True)
class SchoolRow:
    """An image whose tags differ.

    Attributes:
        differing: the 0-based classes that the schools do not agree on.
        named: school -> those of them that it names; a school that has no tags of the image is missing.
    """

    differing: frozenset[int]
    named: Mapping[TagSchool, frozenset[int]]


@lru_cache(maxsize=1)
def school_rows() -> Mapping[str, SchoolRow]:
    """The images of trainaug and val on which the schools differ, by id."""
    text = importlib.resources.files("common.data").joinpath(SCHOOLS_FILE).read_text(encoding="utf-8")
    rows = {}
    for row in csv.DictReader(text.splitlines()):
        without: dict[TagSchool, frozenset[int]] = {
            school: frozenset(map(VOC_CLASSES.index, row[f"not_{school}"].split())) for school in TAG_SCHOOLS
        }
        differing = frozenset().union(*without.values())
        # SBD's masks of val are not known.
        schools = [school for school in TAG_SCHOOLS if school != "sbd" or row["list"] != "val"]
        rows[row["id"]] = SchoolRow(differing, {school: differing - without[school] for school in schools})
    return rows


def differing_ids(ids: Iterable[str]) -> list[str]:
    """Those of ``ids`` on which the schools differ."""
    rows = school_rows()
    return [image_id for image_id in ids if image_id in rows]


def contradictions(tags: Tags, school: TagSchool) -> list[str]:
    """The ids whose tags (float32 [20] of 0 and 1, VOC's classes) are not those of ``school``."""
    rows = school_rows()
    return [
        image_id
        for image_id in differing_ids(tags)
        if school in rows[image_id].named
        and {c for c in rows[image_id].differing if tags[image_id][c]} != rows[image_id].named[school]
    ]


def schools_that_fit(tags: Tags) -> list[TagSchool]:
    """The schools that no image contradicts: one, none (other tags), or several where too few images tell them apart."""
    return [school for school in TAG_SCHOOLS if not contradictions(tags, school)]


def to_school(tags: Tags, school: TagSchool) -> Tags:
    """Tags of ``school`` from those of any of the three, id -> float32 [20] of 0 and 1.

    Raises:
        DataError: the tags are of none of them.
    """
    if not schools_that_fit(tags):
        closest = min((contradictions(tags, one) for one in TAG_SCHOOLS), key=len)
        raise DataError(
            f"{len(closest)} images have tags of none of the schools xml, pixels and sbd of VOC: {name_classes(closest, 3)}"
        )
    changed = dict(tags)
    for image_id in differing_ids(tags):
        row = school_rows()[image_id]
        if school in row.named:
            vector = tags[image_id].copy()
            vector[list(row.differing)] = 0
            vector[list(row.named[school])] = 1
            changed[image_id] = vector
    return changed


def require_published(tags: Tags, school: TagSchool) -> None:
    """Hold the tags of a whole published list (trainaug, val) against the published fingerprint of their school.

    Raises:
        DataError: they are others, although no image contradicts the school where the schools differ.
    """
    expected = {known.size: digits for digits, known in published()[1].items() if known.school == school}
    known = published()[0].get(list_fingerprint(tags))
    if known is None or known.dataset != "voc" or known.size not in expected:
        return
    digits = tag_fingerprint(tags)
    if digits != expected[known.size]:
        raise DataError(
            f"the tags of {known.what}, are not those of the school {school}: fingerprint {digits[:8]}, published is "
            f"{expected[known.size][:8]}"
        )


def describe_school(tags: Tags, classes: Sequence[str]) -> str:
    """``school xml in the 191 images where schools differ``; "" where no school, or more than one, fits.

    Args:
        tags: id -> [C] of 0 and 1.
        classes: those that the tags are of; only VOC's have schools.
    """
    if tuple(classes) != VOC_CLASSES:
        return ""
    fitting, telling = schools_that_fit(tags), differing_ids(tags)
    if len(fitting) != 1:
        return ""
    return f"school {fitting[0]} in the {len(telling)} images where schools differ"


def ids_that_differ(one: Tags, other: Tags) -> list[str]:
    """The ids in both whose tags ([C] of 0 and 1) differ, in the order of ``one``."""
    return [i for i in one if i in other and not np.array_equal(one[i] > 0, other[i] > 0)]
