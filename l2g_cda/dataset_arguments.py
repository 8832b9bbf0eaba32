"""The flags with which the small commands of this folder are told about the dataset and the run.

Their defaults lie inside this folder, where the paper's README puts data and runs: they hold from wherever a command is
called. A path that is given is seen from where one is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.data.presets import DATASET_NAMES, DatasetName
from common.files import resolve_inside

FOLDER = Path(__file__).resolve().parent
# The experiment of configs/voc.yaml, named as published.
EXPERIMENT = "Official_exp_voc_test_ori_DRSlayer_67_learnable_seblock_CDA+_lr0.0005_tr0.2"
BANK = FOLDER / "sem_seg_fg"
ROOTS: Mapping[str, Path] = {
    "voc12": FOLDER / "data" / "voc12",
    "vocaug": FOLDER / "data" / "voc12",
    "coco14": FOLDER / "data" / "coco14",
}
# The names that the published scripts use.
PUBLISHED_NAMES: Mapping[str, DatasetName] = {
    "pascal_voc": "vocaug",
    "voc2012": "vocaug",
    "mscoco": "coco14",
    "coco": "coco14",
}


def add_dataset_arguments(parser: argparse.ArgumentParser, default: DatasetName) -> None:
    """Add ``--dataset``, ``--root``, ``--img_dir``, ``--gt_dir``, ``--sal_dir``, ``--tags`` and ``--datalist``.

    A path is looked for in the dataset's folder first, then taken as it is (:class:`common.data.layout.DataConfig`).
    """
    names = [*DATASET_NAMES, *PUBLISHED_NAMES]
    parser.add_argument("--dataset", choices=names, default=default, help=f"kind of dataset (default {default})")
    parser.add_argument("--root", default="", help="its folder (default data/voc12 or data/coco14 of this folder)")
    parser.add_argument("--img_dir", default="", help="folder of the images (default: the dataset's)")
    parser.add_argument("--gt_dir", default="", help="folder of the true masks (default: the dataset's)")
    parser.add_argument("--sal_dir", default="", help="folder of the saliency maps (default: the dataset's)")
    parser.add_argument("--tags", default="", help="tag file (default: the dataset's)")
    parser.add_argument("--datalist", default="", help="list of images (default: the dataset's training list)")


def dataset_root(arguments: argparse.Namespace) -> Path:
    """The folder of the dataset; for kinds without a place of their own, ``data`` where one is."""
    return Path(arguments.root or ROOTS.get(dataset_name(arguments), "data"))


def dataset_name(arguments: argparse.Namespace) -> DatasetName:
    name: DatasetName = PUBLISHED_NAMES.get(arguments.dataset, arguments.dataset)
    return name


def open_dataset(arguments: argparse.Namespace) -> DatasetLayout:
    """The dataset of :func:`add_dataset_arguments`; ``--datalist`` is its list ``train``.

    Raises:
        DataError: it is not there.
    """
    return open_layout(
        DataConfig(
            dataset=dataset_name(arguments),
            root=str(dataset_root(arguments)),
            train_list=arguments.datalist,
            images=arguments.img_dir,
            masks=arguments.gt_dir,
            saliency=arguments.sal_dir,
            tags=arguments.tags,
        )
    )


def add_run_arguments(parser: argparse.ArgumentParser, maps: str) -> None:
    """Add ``--experiment_name``, ``--runs`` and ``--pred_dir``; ``maps`` is where a run keeps what is read."""
    parser.add_argument("--experiment_name", default=EXPERIMENT, help="EXP of the training, its folder below --runs")
    parser.add_argument("--runs", default=str(FOLDER / "runs"), help="folder of all runs (default: of this folder)")
    parser.add_argument("--pred_dir", default="", help=f"what to read (default RUNS/<experiment_name>/{maps})")
    parser.set_defaults(maps=maps)


def run_folder(arguments: argparse.Namespace) -> Path:
    """The folder of the experiment."""
    return resolve_inside(Path(arguments.runs), arguments.experiment_name)


def maps_folder(arguments: argparse.Namespace) -> Path:
    """The folder to read from."""
    return Path(arguments.pred_dir or run_folder(arguments) / arguments.maps)
