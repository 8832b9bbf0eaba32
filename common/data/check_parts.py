"""The quick half of ``common.data.check``: which lists, files and tags are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from common.data.check_report import Report
from common.data.inspection import SampleFiles
from common.data.layout import DatasetLayout
from common.data.tags import Tags
from common.errors import DataError

KINDS = ("image", "mask", "saliency")

# The tag files of VOC and COCO cover more images than one list has; your own tags should fit your images.
OWN_TAGS = ("folder", "toy")


@dataclass
class Split:
    """The images of one list and the files found for them.

    Args:
        name: train or val.
        ids: the list.
        paths: kind of file -> id -> path, for those that exist.
    """

    name: str
    ids: list[str]
    paths: dict[str, dict[str, Path]] = field(default_factory=lambda: {kind: {} for kind in KINDS})

    def lacking(self, kind: str) -> str:
        """Why something that needs ``kind`` for every image cannot be done, "" if it can."""
        n_found = len(self.paths[kind])
        if not self.ids:
            return f"no {self.name} list"
        return "" if n_found == len(self.ids) else f"{kind} for {n_found} of {len(self.ids)} {self.name} images"

    def samples(self, n_classes: int, upright: bool) -> list[SampleFiles]:
        """The files found for each image of the list; ``n_classes`` without the background; ``upright``: the dataset's rule."""
        image, mask, saliency = (self.paths[kind] for kind in KINDS)
        return [SampleFiles(i, image.get(i), mask.get(i), saliency.get(i), n_classes, upright) for i in self.ids]


def check_list(layout: DatasetLayout, name: str, report: Report) -> Split:
    """Read a list; an absent one is a note, a broken one a problem, and both leave the split empty."""
    path = layout.lists.get(name)
    try:
        if path is None and name == "val":
            report.note("no val list", f"write {layout.root / 'val.txt'} to hold images back for scoring")
        elif path is not None and not path.is_file():
            report.note(f"no {name} list", f"expected {path}")
        else:
            ids = layout.ids(name)
            report.say(f"{name + ' list:':12} {path or 'all images'}: {len(ids)} images")
            return Split(name, ids)
    except DataError as error:
        report.problem(f"unusable {name} list", str(error))
    return Split(name, [])


def check_files(layout: DatasetLayout, split: Split, report: Report) -> None:
    """Find the files of a split; what is missing for some images is a problem, for all images a note."""
    finders: dict[str, Callable[[str], Path]] = {
        "image": layout.image_path,
        "mask": layout.mask_path,
        "saliency": layout.saliency_path,
    }
    for kind, find in finders.items():
        missing = []
        for image_id in split.ids:
            try:
                split.paths[kind][image_id] = find(image_id)
            except DataError as error:
                missing.append(str(error))
        if missing and kind != "image" and not split.paths[kind]:
            report.note(f"{split.name}: no {kind} files at all", missing[0])
        else:
            for text in missing:
                report.problem(f"{split.name}: {kind} files missing", text)
    if split.ids:
        counts = ", ".join(f"{kind} {len(split.paths[kind])}" for kind in KINDS)
        report.say(f"{split.name + ' files:':12} {counts} of {len(split.ids)}")


def read_all_tags(layout: DatasetLayout, report: Report) -> Tags:
    """All tags, id -> float32 [C] of 0 and 1; empty where there are none that can be used, which is a problem."""
    try:
        return layout.all_tags()
    except DataError as error:
        report.problem("no usable tags", str(error))
        return {}


def check_tags(layout: DatasetLayout, tags: Tags, train: Split, val: Split, report: Report) -> str:
    """Compare the tags with the lists and the images; returns why a classifier cannot be trained, "" if it can."""
    if not tags:
        return "no usable tags"
    listed = {*train.ids, *val.ids}
    report.say(f"tags:        {len(tags)} images, {sum(i in tags for i in listed)} of the {len(listed)} listed")
    untagged = [image_id for image_id in train.ids if image_id not in tags]
    add_each(report.problem, "train: images without tags", untagged)
    add_each(report.note, "val: images without tags", (i for i in val.ids if i not in tags))
    add_each(
        report.note, "train: images whose tags name no class", (i for i in train.ids if i in tags and not tags[i].any())
    )
    tell = report.problem if layout.name in OWN_TAGS else report.note
    add_each(tell, "tags without an image", (i for i in tags if i not in listed and not has_image(layout, i)))
    if untagged:
        return f"tags for {len(train.ids) - len(untagged)} of {len(train.ids)} train images"
    return train.lacking("image")


def add_each(tell: Callable[[str, str], None], kind: str, texts: Iterable[str]) -> None:
    for text in texts:
        tell(kind, text)


def has_image(layout: DatasetLayout, image_id: str) -> bool:
    try:
        layout.image_path(image_id)
    except DataError:
        return False
    return True
