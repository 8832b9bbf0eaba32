"""The part of ``common.data.check`` about which lists and tags these are, and what is known to be wrong with such."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.check_parts import OWN_TAGS, Split
from common.data.check_report import Report
from common.data.classes import COCO_CLASSES, VOC_CLASSES, name_classes
from common.data.images import IMAGE_SUFFIXES
from common.data.layout import DatasetLayout
from common.data.list_source import describe_split
from common.data.presets import PRESETS
from common.data.published_lists import TRAIN_AUG, VOC_TRAIN, bare_id, find_published_list, list_fingerprint
from common.data.tag_reading import tag_files, tags_of_file
from common.data.tag_schools import ids_that_differ, schools_that_fit, to_school
from common.data.tag_source import describe_known
from common.data.tags import Tags, tags_from_names
from common.data.tags_xml import read_xml_names
from common.errors import DataError

# What a list of this length is expected to be in a kind of dataset.
USUAL_TRAIN = {"vocaug": (TRAIN_AUG, "10,582"), "voc12": (VOC_TRAIN, "1,464")}


def check_known(layout: DatasetLayout, tags: Tags, train: Split, val: Split, report: Report) -> None:
    """Say which published lists and tags these are, and what of lists and tags contradicts each other."""
    for split in (train, val):
        if split.ids and not check_cue_list(layout, split, report):
            name_list(layout, split, report)
            check_coco_names(layout, split, report)
    check_overlap(layout, train, val, report)
    check_length(layout, train, report)
    if tuple(layout.classes) == COCO_CLASSES:
        check_tag_names(tags, (train, val), report)
    used = {image_id: tags[image_id] for image_id in train.ids if image_id in tags}
    if used:
        whose = describe_known(used, layout.classes)
        if whose:
            report.say(f"tags are:    {whose}")
        check_other_tags(layout, used, report)


def name_list(layout: DatasetLayout, split: Split, report: Report) -> None:
    what = describe_split(layout, split.name)
    if what:
        report.say(f"{split.name + ' is:':12} {what}")
    elif layout.name in ("voc12", "vocaug", "coco14"):
        report.say(f"{split.name + ' is:':12} none of the published lists, nor a part of one at hand")


def check_cue_list(layout: DatasetLayout, split: Split, report: Report) -> bool:
    """Whether a list is of the form ``name.jpg NUMBER`` (SEC, DSRG, SGAN: ``input_list.txt``), which is a problem."""
    entries = layout.entries(split.name)
    if not all(len(entry.classes or ()) == 1 and entry.id.lower().endswith(IMAGE_SUFFIXES) for entry in entries):
        return False
    first = entries[0]
    report.problem(
        f"{split.name}: a list of the form name.jpg NUMBER",
        f"{layout.lists.get(split.name)}: {first.id} {(first.classes or ())[0]}: the number is the key of a cue in the files of SEC, "
        f"DSRG and SGAN, not a class; leave it out (awk '{{print $1}}')",
    )
    return True


def check_overlap(layout: DatasetLayout, train: Split, val: Split, report: Report) -> None:
    """Training images in the list being scored are a problem; with your own images, which may be few, a note."""
    tell = report.note if layout.name in OWN_TAGS else report.problem
    scored = set(map(bare_id, val.ids))
    shared = [image_id for image_id in train.ids if bare_id(image_id) in scored]
    known = find_published_list(train.ids) if train.ids else None
    if shared:
        tell(
            "training images in the list being scored",
            f"{len(shared)} of the {len(val.ids)} val images are in the train list: {name_classes(shared, 3)}; scores on them are no test",
        )
    elif known is not None and known.n_val:
        tell(
            "training images in the list being scored",
            f"{known.n_val} of VOC's 1,449 val images are in the train list, which is {known.what}",
        )


def check_length(layout: DatasetLayout, train: Split, report: Report) -> None:
    """Tell VOC's 1,464 training images from the 10,582: files of one name hold either."""
    expected, length = USUAL_TRAIN.get(layout.name, ("", ""))
    found = list_fingerprint(train.ids)
    if found != expected and expected and found in (TRAIN_AUG, VOC_TRAIN):
        report.note(
            "the train list has another length than its dataset",
            f"{layout.lists.get('train')} has {len(train.ids):,} images, --dataset {layout.name} stands for {length}: train_cls.txt has "
            "1,464 lines in DRS and 10,582 in OAA, L2G and I2CRC; give the other with train_list if it was meant",
        )


def check_coco_names(layout: DatasetLayout, split: Split, report: Report) -> None:
    """Ids of COCO without the name of their file: bare digits (RIB, WeakTr) or integers."""
    if tuple(layout.classes) != COCO_CLASSES or len(split.paths["image"]) == len(split.ids):
        return
    missing = [image_id for image_id in split.ids if image_id not in split.paths["image"] and image_id.isdecimal()]
    named = next(layout.images.glob(f"COCO_*_{bare_id(missing[0])}.*"), None) if missing else None
    if named is not None:
        report.problem(
            f"{split.name}: ids of COCO without the name of their file",
            f"{len(missing)} ids are numbers, as {missing[0]}, whose image is {named.name}: write {named.stem} and the like",
        )


def check_tag_names(tags: Tags, splits: Sequence[Split], report: Report) -> None:
    """Tags whose ids are COCO's numbers where the list has names."""
    by_number = {bare_id(image_id): image_id for image_id in tags}
    for split in splits:
        other = [i for i in split.ids if i not in tags and by_number.get(bare_id(i), i) != i]
        if other:
            report.problem(
                f"{split.name}: tags have other forms of COCO's ids than the list",
                f"{len(other)} images, as {other[0]}, whose tags are called {by_number[bare_id(other[0])]}: write both alike",
            )


def check_other_tags(layout: DatasetLayout, used: Tags, report: Report) -> None:
    """Hold the tags that are used against all others of the dataset; a difference of two schools of VOC is a note, any other a problem."""
    for path in tag_files(layout.root, PRESETS[layout.name]):
        if layout.school is None and path == layout.tags:
            continue
        try:
            other = tags_in(path, layout, used)
        except DataError as error:
            report.note("tags that are not used and not readable", str(error))
            continue
        if layout.school is not None and tuple(layout.classes) == VOC_CLASSES and schools_that_fit(other):
            # Another school than the one asked for is no disagreement.
            other = to_school(other, layout.school)
        differing = ids_that_differ(used, other)
        if not differing:
            continue
        both = {i: used[i] for i in other}
        schools = [describe_known(one, layout.classes) for one in (both, other)]
        whose = "; ".join(
            f"{name}: {text}" for name, text in zip((layout.tags_name, path.name), schools, strict=True) if text
        )
        tell = report.note if all(schools) and schools[0] != schools[1] else report.problem
        tell(
            "tags at hand that disagree",
            f"{layout.tags_name}, which is used, and {path.name} differ in {len(differing)} of {len(other)} training images: "
            f"{name_classes(differing, 3)}" + (f" ({whose})" if whose else ""),
        )


def tags_in(path: Path, layout: DatasetLayout, used: Tags) -> Tags:
    """Those of another file or folder of annotations for the images of ``used`` that it has; id -> float32 [C] of 0 and 1."""
    if path.is_dir():
        # Of a large folder no more than is asked for.
        return tags_from_names(read_xml_names(path, list(used)), path, layout.classes)
    found = tags_of_file(path, layout.root, layout.classes)
    return {image_id: found[image_id] for image_id in used if image_id in found}
