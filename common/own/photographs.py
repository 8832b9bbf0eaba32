"""Images and their tags in a folder, in the layouts that people have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.data.classes import check_class_names, read_class_names
from common.data.image_names import folder_ids
from common.data.images import IMAGE_SUFFIXES
from common.data.name_index import NameIndex
from common.data.presets import CLASSES_FILE
from common.data.tags_csv import csv_class_names, read_csv_names
from common.data.tags_json import read_folder_names, read_json_names
from common.errors import DataError

PHOTOGRAPH_FOLDERS = ("images", "JPEGImages", "Images", "photos", "Photos")
TABLES, JSON = (".csv", ".tsv", ".txt"), (".json",)
SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers")
PARTS_OF_DATASETS = {"train", "training", "val", "valid", "validation", "test", "testing"}
# Text files that lie beside photographs and hold no tags.
NO_TAGS = (CLASSES_FILE, "labels.txt", "readme.txt", "train.txt", "val.txt", "test.txt", "requirements.txt")


@dataclass(frozen=True)
class Photographs:
    """What was found.

    Attributes:
        images: folder of the images.
        tags: id -> class names, of the images that are there and have tags; an id is the path inside ``images``.
        classes: class names in label order.
        source: where the tags come from, in words.
        untagged: ids of images without tags.
        without_file: ids with tags whose image is not there.
    """

    images: Path
    tags: Mapping[str, Sequence[str]]
    classes: tuple[str, ...]
    source: str
    untagged: tuple[str, ...]
    without_file: tuple[str, ...]

    def counts(self) -> Counter[str]:
        """Images per class."""
        counts = Counter(dict.fromkeys(self.classes, 0))
        counts.update(name for names in self.tags.values() for name in names)
        return counts


def find_photographs(folder: Path, tags: str = "") -> Photographs:
    """Look for images and tags.

    Args:
        tags: file or folder of the tags; empty to find it.

    Raises:
        DataError: there is no image or no tag, it is not clear which file holds the tags or which image a row means, or a tag is no
            class of ``classes.txt``.
    """
    if folder.is_file():
        raise DataError(f"{folder} is a file; give the folder that holds your photographs (and --tags for their tags)")
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give the folder of your photographs")
    images = next((folder / name for name in PHOTOGRAPH_FOLDERS if (folder / name).is_dir()), folder)
    ids = folder_ids(images)
    source = Path(tags) if tags else find_tag_source(folder, images)
    listed = folder / CLASSES_FILE
    known = read_class_names(listed) if listed.is_file() else ()
    if source is None:
        named, told = tags_of_folders(ids, images), f"the folders in {images}"
    else:
        named, told = names_from(source, known), str(source)
    found, without_file = matched(named, ids, told)
    if not found:
        raise DataError(
            f"not one image in {images} has tags in {told}: the tags are of {', '.join(list(named)[:3])}, the images are "
            f"{', '.join(ids[:3])}. Let the names agree, or name the file of the tags with --tags."
        )
    require_plain_names(found, images)
    require_no_header(named, found, told)
    classes = known or tuple(sorted({name for names in found.values() for name in names}))
    check_class_names(classes, source or images)
    for image_id, names in found.items():
        for name in names:
            if name not in classes:
                raise DataError(
                    f"{told}: image {image_id!r} has the tag {name!r}, which {listed} does not list; correct one."
                )
    untagged = tuple(one for one in ids if one not in found)
    return Photographs(images, found, classes, told, untagged, tuple(without_file))


def require_plain_names(ids: Iterable[str], images: Path) -> None:
    """Raise :class:`DataError` where the name of a photograph cannot stand in a list or table: a line break, a backslash."""
    odd = next((one for one in ids if "\\" in one or not one.isprintable() or one != one.lstrip()), None)
    if odd is not None:
        raise DataError(
            f"the photograph {odd!r} in {images} has a backslash, a line break, or a space before its name; rename it, and in the tags too"
        )


def require_no_header(named: Mapping[str, Sequence[str]], found: Mapping[str, Sequence[str]], told: str) -> None:
    """Raise :class:`DataError` where the first row is a header in words that are not known: what its columns hold would become tags."""
    first, words = next(iter(named.items()))
    if (
        len(words) > 1
        and {first, first.rpartition("/")[2]}.isdisjoint(found)
        and not any(set(words) & set(names) for names in found.values())
    ):
        raise DataError(
            f"{told}: its first row ({', '.join([first, *words])}) names no image and no tag of another row. If it is a header, call the "
            "column of the images 'image' and that of the tags 'tags' (or each column of ticks by its class), else remove it."
        )


def find_tag_source(folder: Path, images: Path) -> Path | None:
    """The one file with tags, or the folder of JSON files; None where folders are the tags.

    Raises:
        DataError: there are several, or none at all.
    """
    exact = [
        folder / name for name in ("tags.csv", "tags.tsv", "labels.csv", "tags.json", "labels.json", "annotations.json")
    ]
    there = [path for path in exact if path.is_file()]
    if len(there) > 1:
        raise several_sources(folder, there)
    if there:
        return there[0]
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name.lower() not in NO_TAGS]
    tables = [path for path in files if path.suffix.lower() in TABLES]
    beside = [path.with_suffix(suffix) for path in files for suffix in JSON if path.suffix.lower() in IMAGE_SUFFIXES]
    single = [path for path in files if path.suffix.lower() in JSON and path not in beside]
    if len(tables) + len(single) == 1:
        return (tables + single)[0]
    if len(tables) + len(single) > 1:
        raise several_sources(folder, tables + single)
    for place in (images, folder / "annotations", folder / "labels"):
        if place.is_dir() and next(place.rglob("*.json"), None):
            return place
    sheets = [path.name for path in files if path.suffix.lower() in SPREADSHEETS]
    if sheets:
        raise DataError(f"{folder} has its tags in the spreadsheet {sheets[0]}: save it as CSV (UTF-8), as tags.csv.")
    if any(path.is_dir() for path in images.iterdir()):
        return None
    raise DataError(
        f"{folder} has no tags: write tags.csv with a row '<image>,<tag>;<tag>' per image, or put the images into folders named "
        "by their tag."
    )


def several_sources(folder: Path, paths: Sequence[Path]) -> DataError:
    names = ", ".join(path.name for path in paths)
    return DataError(f"{folder} holds several files that could be the tags ({names}); name one with --tags.")


def names_from(source: Path, known: Sequence[str]) -> dict[str, list[str]]:
    """id -> class names of a file or folder, as it has them."""
    if not source.exists():
        raise DataError(f"there are no tags {source}; correct --tags")
    if source.is_dir():
        return read_folder_names(source)
    if source.suffix.lower() in JSON:
        return read_json_names(source)
    if source.suffix.lower() not in TABLES:
        raise DataError(f"{source} is no known form of tags; use .csv, .tsv, .json, or folders named by tag.")
    return read_csv_names(source, known or csv_class_names(source))


def tags_of_folders(ids: Sequence[str], images: Path) -> dict[str, list[str]]:
    """id -> the folder that the image lies in, as its one tag.

    Raises:
        DataError: some images lie in no folder, or the folders are no tags.
    """
    outside = [one for one in ids if "/" not in one]
    if outside:
        raise DataError(
            f"{images} has no file of tags, and {outside[0]} lies in no folder that could be its tag: write a tags.csv, or move it."
        )
    tops = sorted({one.partition("/")[0] for one in ids})
    inner = sorted({one.split("/")[1] for one in ids if one.count("/") > 1})
    if len(tops) == 1 and inner:
        raise DataError(
            f"all images lie in {images / tops[0]}; if its folders ({', '.join(inner[:3])}) are the tags, give that folder, else write "
            "a tags.csv."
        )
    if {one.lower() for one in tops} <= PARTS_OF_DATASETS:
        raise DataError(
            f"the folders in {images} ({', '.join(tops)}) are parts of a dataset and no tags: put all images of a tag into one folder, "
            "or write a tags.csv."
        )
    return {one: [one.partition("/")[0]] for one in ids}


def matched(
    named: Mapping[str, Sequence[str]], ids: Sequence[str], told: str
) -> tuple[dict[str, list[str]], list[str]]:
    """(id of an image -> class names, in the order of ``ids``; names in the table ``told`` without an image)."""
    index, missing = NameIndex(ids), []
    found: dict[str, list[str]] = {}
    for name, tags in named.items():
        image_id = index.find(name, told)
        if image_id is None:
            missing.append(name)
        else:
            found[image_id] = list(dict.fromkeys([*found.get(image_id, []), *tags]))
    return {one: found[one] for one in ids if one in found}, missing
