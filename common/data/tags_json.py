"""Image tags from the JSON files of annotation tools: one file for all images, or one beside each.

==============  ====================================================================================================
form            how it is recognised
==============  ====================================================================================================
plain           ``{"a.jpg": ["cat", "dog"], ...}``, or a list of objects with an image and its tags
COCO            ``images``, ``annotations``, ``categories``
Datumaro        ``items``, ``categories`` (CVAT exports it)
labelme         ``shapes`` and ``imagePath``, one file per image; ``flags`` that are true are tags of the image
VIA             objects with ``filename`` and ``regions``, whose attributes name the class
Label Studio    a list of tasks with ``data`` and ``annotations`` (or ``completions``); also its short form
CreateML        a list of objects with ``image`` and ``annotations`` that have a ``label``
==============  ====================================================================================================

An image that is named without any class is an image that shows none. The id of an image is its path without the extension.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from common.data.images import IMAGE_SUFFIXES
from common.errors import DataError
from common.files import read_json

Named = Iterator[tuple[str, list[str]]]

IMAGE_KEYS = ("image", "file_name", "filename", "file", "img", "path", "id")
TAG_KEYS = ("tags", "labels", "classes", "label", "tag", "class", "choice", "category", "categories", "annotations")
# Label Studio keeps the names under the kind of its control.
CONTROLS = ("choices", "rectanglelabels", "polygonlabels", "brushlabels", "keypointlabels", "ellipselabels", "labels")


def read_json_names(path: Path) -> dict[str, list[str]]:
    """id -> class names of a JSON file, each name once, in order of appearance.

    Raises:
        DataError: it is no JSON, or of no known form.
    """
    content = whole_json(path)
    try:
        pairs = list(recognised(content, path))
    except (LookupError, TypeError, AttributeError, ValueError, StopIteration, RuntimeError) as error:
        raise unknown_form(path, f"something in it is not where the form has it: {error!r}") from error
    names: dict[str, list[str]] = {}
    for image, found in pairs:
        kept = names.setdefault(id_of_image(image), [])
        kept += [name for name in found if name not in kept]
    if not names:
        raise DataError(f"{path} names no images.")
    return names


def whole_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return read_json(path)
    except DataError as error:
        raise DataError(f"{error}; it is no complete JSON file: export it again, or take it away") from error


def read_folder_names(folder: Path) -> dict[str, list[str]]:
    """id -> class names of a folder with one JSON file per image, as labelme writes them beside the images."""
    names: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.json")):
        content = whole_json(path)
        if not isinstance(content, Mapping) or "shapes" not in content:
            raise unknown_form(path, "one file per image has shapes and imagePath, as labelme writes it")
        # The image lies beside its file, whatever folder the file says it was in.
        image_id = path.relative_to(folder).with_suffix("").as_posix()
        names[image_id] = [name for _, found in of_labelme(content) for name in dict.fromkeys(found)]
    if not names:
        raise DataError(f"{folder} holds no .json files.")
    return names


def recognised(content: Any, path: Path) -> Named:
    """(image, class names) by whatever form ``content`` has; an image may come several times."""
    if isinstance(content, Mapping):
        for keys, read in FORMS:
            if all(key in content for key in keys):
                return read(content)
        values = [one for one in content.values() if isinstance(one, Mapping)]
        if values and all("filename" in one and "regions" in one for one in values):
            return of_via(content)
        if content and all(is_names(one) for one in content.values()):
            return ((str(image), as_names(one)) for image, one in content.items())
    elif isinstance(content, list) and content and all(isinstance(one, Mapping) for one in content):
        if all("data" in one for one in content):
            return of_label_studio(content)
        return of_objects(content, path)
    raise unknown_form(path, f"it holds a {type(content).__name__} that is none of them")


def of_coco(content: Mapping[str, Any]) -> Named:
    names = {one["id"]: str(one["name"]) for one in content["categories"]}
    images = {one["id"]: str(one["file_name"]) for one in content["images"]}
    for image in images.values():
        yield image, []
    for one in content["annotations"]:
        yield images[one["image_id"]], [names[one["category_id"]]]


def of_datumaro(content: Mapping[str, Any]) -> Named:
    labels = [str(one["name"]) for one in content["categories"]["label"]["labels"]]
    for item in content["items"]:
        yield str(item["id"]), [labels[one["label_id"]] for one in item["annotations"] if "label_id" in one]


def of_labelme(content: Mapping[str, Any]) -> Named:
    flags = [name for name, holds in (content.get("flags") or {}).items() if holds is True]
    yield str(content.get("imagePath", "")), [*flags, *(str(one["label"]) for one in content["shapes"])]


def of_via(content: Mapping[str, Any]) -> Named:
    for one in content.values():
        regions = one["regions"].values() if isinstance(one["regions"], Mapping) else one["regions"]
        attributes = [region["region_attributes"] for region in regions] + [one.get("file_attributes") or {}]
        yield str(one["filename"]), [name for of_one in attributes for name in via_names(of_one)]


def via_names(attributes: Mapping[str, Any]) -> Iterator[str]:
    """The classes that VIA's attributes name: values of a text or a list, keys of boxes that are ticked."""
    for key, value in attributes.items():
        if key.lower() not in TAG_KEYS:
            continue
        if isinstance(value, Mapping):
            yield from (str(name) for name, ticked in value.items() if ticked)
        elif value:
            yield str(value)


def of_via_project(content: Mapping[str, Any]) -> Named:
    return of_via(content["_via_img_metadata"])


def of_label_studio(content: list[Mapping[str, Any]]) -> Named:
    for task in content:
        image = next(value for value in task["data"].values() if isinstance(value, str))
        # Uploaded files are named <hash>-<name>, in a folder of the server.
        name = PurePosixPath(image.partition("?d=")[2] or image).name
        uploaded = "upload" in PurePosixPath(image).parts
        results = [one for made in task.get("annotations", task.get("completions", ())) for one in made["result"]]
        found = [label for one in results for kind in CONTROLS for label in as_names(one["value"].get(kind, []))]
        yield name.partition("-")[2] if uploaded and "-" in name else name, found


def of_objects(content: list[Mapping[str, Any]], path: Path) -> Named:
    for number, one in enumerate(content):
        image = next((key for key in IMAGE_KEYS if key in one), None)
        tags = next((key for key in TAG_KEYS if key in one), None)
        if image is None or tags is None:
            raise unknown_form(path, f"entry {number} has no image or no tags, but {', '.join(map(str, one))}")
        yield str(one[image]), class_names_of_objects(one[tags])


def class_names_of_objects(value: Any) -> list[str]:
    if isinstance(value, Mapping) and "choices" in value:
        return as_names(value["choices"])
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        return [str(one[next(key for key in TAG_KEYS if key in one)]) for one in value]
    return as_names(value)


def is_names(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def as_names(value: Any) -> list[str]:
    """A text or a list of texts as a list; anything else is a ``ValueError``."""
    if not is_names(value):
        raise ValueError(f"{value!r} is not a name or a list of names")
    return [name.strip() for name in ([value] if isinstance(value, str) else value) if name.strip()]


def id_of_image(image: str) -> str:
    """A path of an image as an id: without the extension, with ``/`` between folders."""
    path = PurePosixPath(image.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.suffix.lower() in IMAGE_SUFFIXES else path.as_posix()


def unknown_form(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path} is of no known form of tags ({reason}). Known: {{image: [tags]}}, COCO, Datumaro, labelme, VIA, Label "
        "Studio, CreateML; or write a tags.csv."
    )


FORMS: tuple[tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Named]], ...] = (
    (("images", "annotations", "categories"), of_coco),
    (("items", "categories"), of_datumaro),
    (("shapes",), of_labelme),
    (("_via_img_metadata",), of_via_project),
)
