"""The paper's own files beside the toolbox's: dictionaries of fused maps, PNGs of masks, the table of their scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.cam.files import Cams, write_dictionary
from common.data.layout import DatasetLayout
from common.errors import DataError
from common.method.calls import in_repository
from common.pseudo_labels.rule import LabelConfig


@dataclass
class FilesConfig:
    """What of the paper's own files is written beside the toolbox's, and where.

    Args:
        npy: fused maps as the published ``cam_npy/<id>.npy``, a dictionary of class -> map.
        cam_png: folder of the masks before the CRF; empty for ``cam_png`` beside the maps.
        crf_png: folder of the masks after it; empty for ``crf_png`` beside the maps.
    """

    npy: bool = True
    cam_png: str = ""
    crf_png: str = ""


def write_by_class(path: Path, cams: Cams) -> None:
    """The published form of fused maps: class -> float32 H x W in 0..1 (smaf spec, section 1)."""
    maps = zip(cams.keys.tolist(), np.asarray(cams.maps, np.float32), strict=True)
    write_dictionary(path, dict(maps))


def folder_of_masks(files: FilesConfig, labels: LabelConfig, beside: Path) -> Path:
    """Where masks made by this rule lie: ``cam_png``, ``crf_png``, and names of their own for other rules than the published.

    Args:
        beside: folder of what is made with the network whose masks they are.
    """
    refined = labels.crf != "none"
    if named := files.crf_png if refined else files.cam_png:
        return Path(named)
    parts = ["crf" if refined else "cam", "png"]
    parts += [labels.background] if labels.background != "constant" else []
    parts += [labels.crf] if labels.crf not in ("none", "label_all") else []
    return beside / "_".join(parts)


def table_arguments(layout: DatasetLayout, listed: Path | None, masks: Path, folder: Path) -> list[str]:
    """Arguments of ``evalue.py``: the masks on VOC's official list of 1,464 images where it is there, else on all.

    Args:
        listed: the list of the images of which there are masks.
        masks: their folder.
        folder: where the table goes, under the name of the list.

    Raises:
        DataError: the dataset has no list.
    """
    if listed is None:
        raise DataError(
            f"{layout.root} has no training list, whose masks could be scored; write {layout.root / 'train.txt'}"
        )
    places = (listed.with_name("train.txt"), layout.root / "ImageSets" / "Segmentation" / "train.txt", listed)
    chosen = next((path for path in places if path.is_file()), listed)
    paths = {"datalist": chosen, "gt_dir": layout.masks, "pred_dir": masks, "save_path": folder / f"{chosen.stem}.txt"}
    named = {"dataset": layout.name, **{flag: in_repository(path) for flag, path in paths.items()}}
    return [word for flag, value in named.items() for word in (f"--{flag}", value)]
