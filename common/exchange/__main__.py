"""``wsss masks SOURCE --as FORM --out PLACE``: masks for an annotation tool, or back as label maps.

Going out, SOURCE is a folder of label maps <id>.png, e.g. the masks of a run; FORM and PLACE: coco a .json file, cvat a .zip archive
("segmentation mask 1.1"), labelme a folder with a JSON file per image. Coming back, FORM is png: SOURCE is a folder, ZIP archive or JSON
file of any of these forms, PLACE a folder of label maps. Beside the masks of a run its classes and images are found by themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from common.data.classes import read_class_names
from common.data.images import read_label_map
from common.data.lists import read_list
from common.data.presets import CLASSES_FILE
from common.data.value_ranges import require_labels
from common.errors import ConfigError, DataError, run_command
from common.exchange.coco import coco_content, coco_package
from common.exchange.cvat import write_cvat
from common.exchange.images import ImagesByName
from common.exchange.labelme import labelme_content
from common.exchange.parts import LabelledImage
from common.exchange.reading import read_masks
from common.failures import some_names
from common.files import write_json
from common.paths import path_of_id

# Form -> ending of the one file that it is; "" for a folder.
FORMS = {"coco": ".json", "cvat": ".zip", "labelme": "", "png": ""}
# Where a run has them, seen from its masks.
RUN_CLASSES = ("labels.txt", CLASSES_FILE, f"dataset/{CLASSES_FILE}")
RUN_IMAGES, RUN_MASKS = "dataset/images", "masks"


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_exchange(argv)
    source, out = arguments.source, arguments.out
    if not source.exists():
        raise DataError(f"there are no masks {source}; give the folder of a run's masks, a ZIP archive or a JSON file")
    if (source / RUN_MASKS).is_dir() and any((source / name).is_file() for name in RUN_CLASSES):
        raise ConfigError(f"{source} is the folder of a run, whose masks lie in {source / RUN_MASKS}; give that")
    if out.suffix.lower() != FORMS[arguments.form] and FORMS[arguments.form]:
        raise ConfigError(f"--out {out} is one file in this form; let its name end with {FORMS[arguments.form]}")
    if not arguments.force and out.exists() and (out.is_file() or any(out.iterdir())):
        raise ConfigError(f"--out {out} is there already; give another one, or --force to write over it")
    classes, images = classes_of(arguments), images_of(arguments)
    if arguments.form == "png":
        if images is None:
            raise ConfigError("--images is missing: say where the images of these masks lie, for their names and sizes")
        read = read_masks(source, images, classes, out)
        if read.without_image:
            print(f"note: {len(read.without_image)} masks are of other images: {some_names(read.without_image)}")
        print(f"{len(read.ids)} masks of {read.form} in {out}")
        return 0
    if arguments.form == "labelme" and images is None:
        raise ConfigError("--images is missing: labelme's files name the image that they belong to")
    if arguments.form == "coco":
        coco_package()
    ids = ids_of(arguments)
    items = labelled_images(source, ids, images, len(classes))
    if arguments.form == "coco":
        write_json(out, coco_content(items, classes, arguments.components))
    elif arguments.form == "cvat":
        write_cvat(out, items, classes, arguments.components)
    else:
        for item in items:
            file = path_of_id(out, item.id, ".json")
            write_json(file, labelme_content(item, classes, arguments.components, file.parent))
    print(f"{len(ids)} masks for {arguments.form} in {out}")
    return 0


def parse_exchange(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="wsss masks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("source", type=Path, help="folder of label maps; for png also a ZIP archive or JSON file")
    parser.add_argument("--as", dest="form", choices=tuple(FORMS), required=True, help="the form to write")
    parser.add_argument("--out", type=Path, required=True, metavar="PLACE", help="file or folder to write")
    parser.add_argument("--classes", type=Path, metavar="FILE", help="class names in label order (default: the run's)")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="the images (default: the run's)")
    parser.add_argument("--ids", type=Path, metavar="FILE", help="list of the images to write (default: all)")
    parser.add_argument(
        "--components", action="store_true", help="every connected piece for itself, not all of a class"
    )
    parser.add_argument("--force", action="store_true", help="write over what is there")
    return parser.parse_args(argv)


def classes_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The classes that were named, or those of the run whose masks these are."""
    run = arguments.source.absolute().parent
    file = arguments.classes or next((run / name for name in RUN_CLASSES if (run / name).is_file()), None)
    if file is None:
        raise ConfigError(
            f"--classes is missing, and beside {arguments.source} is no labels.txt; name the file of the classes"
        )
    return read_class_names(file)


def images_of(arguments: argparse.Namespace) -> ImagesByName | None:
    run = arguments.source.absolute().parent / RUN_IMAGES
    folder = arguments.images or (run if run.is_dir() else None)
    return ImagesByName(folder.resolve()) if folder else None


def ids_of(arguments: argparse.Namespace) -> list[str]:
    """The ids to write: of the list, or of all PNG files."""
    source = arguments.source
    if not source.is_dir():
        raise DataError(f"there is no folder of masks {source}; give that of a run, or --as png to read {source.name}")
    if arguments.ids:
        return list(dict.fromkeys(entry.id for entry in read_list(arguments.ids)))
    inside = (path.relative_to(source) for path in sorted(source.rglob("*")) if path.suffix.lower() == ".png")
    ids = [path.with_suffix("").as_posix() for path in inside if not any(one.startswith(".") for one in path.parts)]
    if not ids:
        raise DataError(f"{source} holds no label maps (.png)")
    return ids


def labelled_images(
    folder: Path, ids: Sequence[str], images: ImagesByName | None, n_classes: int
) -> Iterator[LabelledImage]:
    """The label maps of a folder, one at a time; sizes are held against the images where these are known."""
    for image_id in ids:
        path = path_of_id(folder, image_id, ".png")
        label_map = read_label_map(path, upright=True)
        require_labels(label_map, path, n_classes + 1)
        file = None
        if images is not None:
            if image_id not in images.known:
                raise DataError(
                    f"{path} is of no image in {images.folder}; correct --images, or name the masks with --ids"
                )
            images.require_size(image_id, label_map.shape, path)
            file = images.file(image_id)
        yield LabelledImage(image_id, label_map, file)


if __name__ == "__main__":
    run_command(main)
