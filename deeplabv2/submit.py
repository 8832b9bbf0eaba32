"""``main.py submit``: the archive for the server of PASCAL VOC, checked before and after it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from common.data.images import image_size, open_image
from common.data.layout import DatasetLayout
from common.data.palette import voc_palette
from common.errors import DataError
from deeplabv2.archive import require_content, write_archive
from deeplabv2.dataset import open_dataset
from deeplabv2.settings import DeepLabConfig

# The server's labels are 0..20; "ignore" (255) is not among them.
LARGEST_VOC_LABEL = 20
FAULTS_SHOWN = 5


@dataclass
class SubmitConfig(DeepLabConfig):
    """Pack predictions for the server of PASCAL VOC.

    Args:
        out: the archive.
        competition: 6 for networks that have seen more than VOC's own images, as ImageNet or COCO weights have; else 5.
        with_crf: pack the label maps of crf instead of those of test.
        masks: pack the label maps of this folder instead.
    """

    out: str = "results.tgz"
    competition: Literal[5, 6] = 6
    with_crf: bool = False
    masks: str = ""

    @property
    def member_folder(self) -> str:
        """Where the server looks for the label maps inside the archive."""
        return f"results/VOC2012/Segmentation/comp{self.competition}_test_cls"


def submit(config: SubmitConfig) -> None:
    """Pack the predictions of the TEST split: every image of the list and nothing else, the same bytes every time.

    Raises:
        DataError: a label map is missing, or is one that the server would refuse; every fault by its file.
    """
    config = on_test_split(config)
    layout = open_dataset(config)
    folder = Path(config.masks) if config.masks else config.features / ("crf" if config.with_crf else "label")
    files = {image_id: folder / f"{image_id}.png" for image_id in sorted(layout.ids("val"))}
    require_complete(files, config)
    largest = min(LARGEST_VOC_LABEL, config.DATASET.N_CLASSES - 1)
    faults = [fault for image_id, file in files.items() if (fault := fault_of(file, layout, image_id, largest))]
    if faults:
        more = f" (and {len(faults) - FAULTS_SHOWN} more)" if len(faults) > FAULTS_SHOWN else ""
        raise DataError(
            f"{len(faults)} of {len(files)} label maps would be refused: {'; '.join(faults[:FAULTS_SHOWN])}{more}. "
            "Nothing was packed: run test (and crf) again, or correct --masks"
        )
    archive = Path(config.out)
    members = {f"{config.member_folder}/{image_id}.png": file for image_id, file in files.items()}
    write_archive(archive, members)
    require_content(archive, members)
    print(f"{archive}: {len(members)} label maps of {config.DATASET.SPLIT.VAL} from {folder} in {config.member_folder}")


def on_test_split(config: SubmitConfig) -> SubmitConfig:
    """The configuration that ``test --split <TEST>`` has."""
    split = dataclasses.replace(config.DATASET.SPLIT, VAL=config.DATASET.SPLIT.TEST)
    return dataclasses.replace(config, DATASET=dataclasses.replace(config.DATASET, SPLIT=split))


def require_complete(files: Mapping[str, Path], config: SubmitConfig) -> None:
    nested = [image_id for image_id in files if "/" in image_id]
    if nested:
        raise DataError(f"the id {nested[0]} has a folder; the server takes plain names, as those of VOC are")
    missing = [image_id for image_id, file in files.items() if not file.is_file()]
    if missing:
        split = config.DATASET.SPLIT.VAL
        first = next(iter(files.values()))
        raise DataError(
            f"{len(missing)} of {len(files)} images of {split} have no label map in {first.parent}, e.g. {missing[0]}; "
            f"run test (and crf) with --split {split} first"
        )


def fault_of(file: Path, layout: DatasetLayout, image_id: str, largest: int) -> str:
    """What the server would refuse a label map for; empty if nothing.

    Args:
        largest: largest label that may occur.
    """
    try:
        with open_image(file) as image:
            mode, palette, labels = image.mode, image.getpalette(), np.array(image)
        size = image_size(layout.image_path(image_id))
    except DataError as error:
        return str(error)
    if mode != "P":
        return f"{file} has the pixel format {mode} instead of a palette (P)"
    colours = voc_palette().ravel().tolist()
    if palette is None or palette != colours[: len(palette)]:
        return f"{file} has another palette than VOC's"
    if labels.shape != size:
        return f"{file} is {labels.shape[1]}x{labels.shape[0]} but its image is {size[1]}x{size[0]}"
    if labels.max() > largest:
        return f"{file} holds the label {labels.max()}; the largest is {largest}"
    return ""
