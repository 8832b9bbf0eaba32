"""Say in plain words what of a dataset is there, what is missing and what is broken.

    python -m common.data.check data/VOCdevkit/VOC2012 --dataset vocaug

Exit status 0: usable; 1: problems were found; 2: the command itself was wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.bounds import MOST_PROCESSES, add_number
from common.data.check_classes import check_classes
from common.data.check_lists import check_known
from common.data.check_maps import check_maps
from common.data.check_parts import check_files, check_list, check_tags, read_all_tags
from common.data.check_report import Report
from common.data.classes import name_classes
from common.data.inspection import inspect_samples
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.presets import CLASSES_FILE, DATASET_NAMES, DatasetName
from common.errors import DataError, run_command
from common.usual_flags import UsualFirst

PATH_SETTINGS = ("train_list", "val_list", "images", "masks", "saliency", "tags", "classes")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    report = Report()
    try:
        check_dataset(arguments, report)
    except DataError as error:
        report.problem("the dataset cannot be checked", str(error))
    return report.finish()


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = UsualFirst(
        prog="python -m common.data.check",
        description="Say what of a dataset is there, what is missing and what is broken.",
    )
    parser.add_argument("root", help="the dataset's folder, for VOC the one that holds JPEGImages")
    parser.add_argument("--dataset", choices=DATASET_NAMES, help="the kind of dataset (default: guessed from ROOT)")
    for setting in PATH_SETTINGS:
        parser.add_argument(f"--{setting}", default="", metavar="PATH", help=f"as {setting} in a config's data section")
    parser.add_argument(
        "--saliency_largest", type=int, choices=(0, 1, 255), default=0, help="as in a config's data section"
    )
    parser.add_argument(
        "--mend", default="", metavar="FILE", help="write the tags with class names that look misspelled replaced"
    )
    parser.add_argument("--quick", action="store_true", help="look only whether files are there; decode nothing")
    add_number(
        parser,
        "--workers",
        None,
        "processes that decode; 0: this one (default: as many as useful)",
        least=0,
        most=MOST_PROCESSES,
    )
    return parser.parse_args(argv)


def check_dataset(arguments: argparse.Namespace, report: Report) -> None:
    """Look at everything and tell ``report``.

    Raises:
        DataError: there is nothing to look at.
    """
    root = Path(arguments.root)
    dataset = arguments.dataset or guess_dataset(root, report)
    overrides = {setting: getattr(arguments, setting) for setting in PATH_SETTINGS}
    largest = arguments.saliency_largest
    layout = open_layout(DataConfig(dataset=dataset, root=str(root), saliency_largest=largest, **overrides))
    describe(layout, report)
    train, val = (check_list(layout, name, report) for name in ("train", "val"))
    for split in (train, val):
        check_files(layout, split, report)
    tags = read_all_tags(layout, report)
    no_tags = check_tags(layout, tags, train, val, report)
    if tags and layout.name == "folder":
        check_classes(layout, tags, report, arguments.mend)
    check_known(layout, tags, train, val, report)
    report.abilities = {
        "classifier training": no_tags,
        "saliency methods": no_tags or train.lacking("saliency"),
        "supervised training": train.lacking("mask"),
        "scoring on val": val.lacking("mask"),
    }
    # An image in both lists is decoded once.
    samples = {files.id: files for split in (train, val) for files in split.samples(layout.n_classes, layout.upright)}
    report.n_images = sum(files.image is not None for files in samples.values())
    if not report.n_images:
        report.problem("no images", f"not one listed image is there; expected in {layout.images}")
    elif not arguments.quick:
        inspected = inspect_samples(list(samples.values()), arguments.workers)
        for finding in (finding for one in inspected for finding in one.findings):
            (report.note if finding.is_note else report.problem)(finding.kind, finding.text)
        check_maps(layout, inspected, tags, report)


def guess_dataset(root: Path, report: Report) -> DatasetName:
    """The kind of dataset that ``root`` looks like.

    Raises:
        DataError: it looks like none.
    """
    if not root.is_dir():
        raise DataError(f"dataset folder {root} does not exist.")
    has_images = (root / "JPEGImages").is_dir()
    looks: tuple[tuple[DatasetName, str, bool], ...] = (
        ("toy", f"JPEGImages and {CLASSES_FILE}", has_images and (root / CLASSES_FILE).is_file()),
        ("vocaug", "SegmentationClassAug", (root / "SegmentationClassAug").is_dir()),
        ("coco14", "images named COCO_...", next((root / "JPEGImages").glob("COCO_*"), None) is not None),
        ("voc12", "JPEGImages", has_images),
        ("folder", "images", (root / "images").is_dir()),
    )
    for name, reason, applies in looks:
        if applies:
            report.say(f"dataset:     {name} (guessed: it has {reason}; --dataset overrules)")
            return name
    inner = root / "VOCdevkit" / "VOC2012"
    hint = (
        f"did you mean {inner}?"
        if inner.is_dir()
        else "it is no dataset this tool knows; set --dataset, or for photographs and their tags: wsss own FOLDER --check."
    )
    raise DataError(f"{root} has neither JPEGImages nor images: {hint}")


def describe(layout: DatasetLayout, report: Report) -> None:
    """Say what was opened and where its parts are."""
    report.say(f"root:        {layout.root} ({layout.name})")
    report.say(f"classes:     {layout.n_classes}: {name_classes(layout.classes, limit=8)}")
    for what, folder in (("images", layout.images), ("masks", layout.masks), ("saliency", layout.saliency)):
        report.say(f"{what + ':':12} {folder}{'' if folder.is_dir() else ' (not there)'}")
    report.say(f"tags file:   {layout.tags or 'none found'}")


if __name__ == "__main__":
    run_command(main)
