"""Where the saliency maps and initial seeds of a dataset lie."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from common.data.layout import DatasetLayout, open_layout
from common.errors import DataError
from common.files import resolve_inside
from sgan.settings import SganConfig

SALIENCY = "sal"
INITIAL_SEEDS = "ini_seed"


def open_dataset(config: SganConfig, saliency: str) -> DatasetLayout:
    """The dataset, with the saliency maps of ``saliency`` (``sal_subdir`` or ``sdnet_path``).

    Raises:
        DataError: the dataset or the folder is not there.
    """
    layout = open_layout(config.data)
    return dataclasses.replace(layout, saliency=find_folder(layout.root, SALIENCY, saliency)) if saliency else layout


def find_folder(root: Path, kind: str, name: str) -> Path:
    """``root/kind/name`` as published, ``root/name``, or ``name`` as a path of its own."""
    candidates = [root / kind / name, root / name, Path(name)]
    found = next((folder for folder in candidates if folder.is_dir()), None)
    if found is None:
        tried = ", ".join(map(str, candidates))
        raise DataError(
            f"there is no folder {name!r}: looked for {tried}. Put the files there, or correct the setting."
        )
    return found


def initial_seed_folder(config: SganConfig) -> Path:
    """Where stage 0 writes the initial seeds: the published place, or the path that was set."""
    is_name = Path(config.seed_subdir).name == config.seed_subdir
    return Path(config.dataset_root) / INITIAL_SEEDS / config.seed_subdir if is_name else Path(config.seed_subdir)


class SeedFiles:
    """``id -> file`` that supervises the seed branch: an initial seed, or a true mask where that is allowed."""

    def __init__(self, folder: Path, layout: DatasetLayout, masked: frozenset[str]) -> None:
        self.folder, self.layout, self.masked = folder, layout, masked

    def __call__(self, image_id: str) -> Path:
        if image_id in self.masked:
            return self.layout.mask_path(image_id)
        path = resolve_inside(self.folder, f"{image_id}.png")
        if not path.is_file():
            raise DataError(
                f"the initial seed of {image_id!r} is missing: expected {path}; make seeds for the whole list"
            )
        return path
