"""The lists and tag files that are published in this field, known by their content.

One name stands for several lists (``train_cls.txt`` has 1,464 images in one repository, 10,582 in others), and one list lies under many
names, in several orders and forms. So lists are known by the SHA-256 of their sorted ids, tags by that of ``id:0-based classes``.
``published_lists.json`` holds the fingerprints of 89 lists and 10 sets of tags from 77 public repositories, each with a repository,
commit and path where it lies; docs/lists-and-tags.md says what differs and what it costs.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

LISTS_FILE = "published_lists.json"
# ``COCO_train2014_000000000009``, ``train2017/000000000009``, ``000000000009`` and ``9`` are one image.
COCO_ID = re.compile(r"(?:.*/)?(?:COCO_(?:train|val|test)20[0-9]{2}_)?([0-9]{1,12})")
COCO_DIGITS = 12
TRAIN_AUG = "855dff350b7f447bf43cb98ea626a32e0d0b3b7c5786e03b2712a21355b635bf"
VOC_TRAIN = "129f1fe991729b1862115b77738c938c149c1f167baa02b4b3186aea9f0d6a84"


@dataclass(frozen=True)
class PublishedList:
    """A list that others use.

    Attributes:
        fingerprint: see :func:`list_fingerprint`.
        dataset: ``voc`` or ``coco``.
        what: the list in words.
        size: number of images.
        n_val: how many of them VOC scores on (val, 1,449).
        repositories: in how many of the repositories that were read it lies.
        source: one of them: ``owner/name@commit:path``.
    """

    fingerprint: str
    dataset: str
    what: str
    size: int
    n_val: int
    repositories: int
    source: str


@dataclass(frozen=True)
class PublishedTags:
    """Tags that others use; attributes as of :class:`PublishedList`.

    Attributes:
        school: see :mod:`common.data.tag_schools`.
        n_tags: over all images.
    """

    school: str
    what: str
    size: int
    n_tags: int
    repositories: int
    source: str


@lru_cache(maxsize=1)
def published() -> tuple[Mapping[str, PublishedList], Mapping[str, PublishedTags]]:
    """Lists and tags by fingerprint."""
    text = importlib.resources.files("common.data").joinpath(LISTS_FILE).read_text(encoding="utf-8")
    content: dict[str, dict[str, Any]] = json.loads(text)
    lists = {digits: PublishedList(digits, **values) for digits, values in content["lists"].items()}
    return lists, {digits: PublishedTags(**values) for digits, values in content["tags"].items()}


def bare_id(image_id: str) -> str:
    """The twelve digits of a COCO image whatever its list writes around them; any other id as it is."""
    match = COCO_ID.fullmatch(image_id)
    return match[1].zfill(COCO_DIGITS) if match else image_id


def list_fingerprint(ids: Iterable[str]) -> str:
    """SHA-256 of the sorted unique ids joined by newline; order, file form and ``COCO_train2014_`` do not count."""
    return hashlib.sha256("\n".join(sorted(set(map(bare_id, ids)))).encode()).hexdigest()


def find_published_list(ids: Iterable[str]) -> PublishedList | None:
    """The published list of exactly these images."""
    return published()[0].get(list_fingerprint(ids))


def describe_list(ids: Collection[str], others: Mapping[str, Collection[str]]) -> str:
    """What a list is, in words; "" where nothing is known of it.

    Args:
        others: name -> ids of the lists at hand that it may be a part of, or contain.
    """
    known = find_published_list(ids)
    if known is not None:
        return known.what
    mine = set(map(bare_id, ids))
    parts = []
    for name, other in others.items():
        theirs = set(map(bare_id, other))
        whole = find_published_list(theirs) if theirs and theirs != mine else None
        if whole is not None and mine < theirs:
            parts.append((len(theirs), f"a part ({len(mine):,} of {len(theirs):,}) of {name}, which is {whole.what}"))
        elif whole is not None and theirs < mine:
            parts.append((-len(theirs), f"all of {name}, which is {whole.what}, and {len(mine - theirs):,} more"))
    # The smallest list that holds all of it says most; without one the largest that it holds.
    holders, held = [part for part in parts if part[0] > 0], [part for part in parts if part[0] < 0]
    return min(holders or held, default=(0, ""))[1]
