"""Image tags from VOC annotations: the object names in ``Annotations/<id>.xml``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from common.errors import DataError
from common.paths import path_of_id


class PlainTreeBuilder(ElementTree.TreeBuilder):
    """A tree builder that refuses a document type, and with it every entity definition (entity expansion attacks)."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a document type, which VOC annotations never do; refused")


def read_xml_names(folder: Path, ids: Sequence[str] | None) -> dict[str, list[str]]:
    """id -> object names of the annotations of ``ids`` (those that exist), or of all annotations in ``folder``.

    All objects count, also those marked difficult, except objects whose box has no area (as in the SOD paper's code).

    Raises:
        DataError: an annotation is not plain XML, or ``folder`` holds none.
    """
    if ids is None:
        ids = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.xml"))
        if not ids:
            raise DataError(f"{folder} holds no VOC annotations (<id>.xml).")
    paths = {image_id: path_of_id(folder, image_id, ".xml") for image_id in ids}
    return {image_id: object_names(path) for image_id, path in paths.items() if path.exists()}


def object_names(path: Path) -> list[str]:
    """The names of the objects of one annotation file, each once, in order of appearance."""
    try:
        root = ElementTree.parse(path, ElementTree.XMLParser(target=PlainTreeBuilder())).getroot()
    except (ElementTree.ParseError, ValueError, LookupError, OSError) as error:
        raise DataError(f"{path} is not a readable VOC annotation: {error}.") from error
    names = []
    for item in root.findall("object"):
        name = (item.findtext("name") or "").strip()
        if not name:
            raise DataError(f"{path} has an object without a name.")
        if has_area(item, path):
            names.append(name)
    return list(dict.fromkeys(names))


def has_area(item: ElementTree.Element, path: Path) -> bool:
    """Whether an object's box spans at least one pixel each way; an object without a box counts."""
    box = item.find("bndbox")
    if box is None:
        return True
    try:
        left, top, right, bottom = (float(box.findtext(key, "")) for key in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError as error:
        raise DataError(f"{path} has an object whose box is incomplete: {error}.") from error
    return right > left and bottom > top
