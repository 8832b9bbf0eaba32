"""``main.py submit``: the archive for the server of PASCAL VOC, checked before and after it is written."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

import numpy as np

from common.bounds import needed_text
from common.data.image_file import open_image
from common.data.images import image_size
from common.data.layout import DatasetLayout
from common.data.palette import voc_palette
from common.errors import DataError
from common.files import atomic_write
from common.paths import path_of_id
from deeplabv2.dataset import open_segmentation_data
from deeplabv2.settings import RefinedConfig

# The server's labels are 0..20; "ignore" (255) is not among them.
LARGEST_VOC_LABEL = 20
FAULTS_SHOWN = 5


@dataclass
class SubmitConfig(RefinedConfig):
    """Pack predictions for the server of PASCAL VOC.

    Args:
        archive: the archive (--out).
        competition: 6 for networks that have seen more than VOC's own images, as ImageNet or COCO weights have; else 5.
        mask_folder: pack the label maps of this folder instead.
    """

    archive: str = needed_text("results.tgz")
    competition: Literal[5, 6] = 6
    mask_folder: str = ""


def submit(config: SubmitConfig) -> int:
    """Pack the predictions of the TEST list: every image of the list and nothing else, the same bytes every time."""
    # The settings that test --split LIST had.
    config = replace(config, data=replace(config.data, val_list=config.data.test_list))
    layout = open_segmentation_data(config.data, config.network.n_labels)
    folder = Path(config.mask_folder) if config.mask_folder else config.label_maps(config.with_crf)
    files = {image_id: path_of_id(folder, image_id, ".png") for image_id in sorted(layout.ids("val"))}
    require_complete(files, config)
    largest = min(LARGEST_VOC_LABEL, config.network.n_labels - 1)
    faults = [fault for image_id, file in files.items() if (fault := fault_of(file, layout, image_id, largest))]
    if faults:
        more = f" (and {len(faults) - FAULTS_SHOWN} more)" if len(faults) > FAULTS_SHOWN else ""
        raise DataError(
            f"{len(faults)} of {len(files)} label maps would be refused: {'; '.join(faults[:FAULTS_SHOWN])}{more}. "
            "Nothing was packed: run test (and crf) again, or correct --masks"
        )
    archive = Path(config.archive)
    place = f"results/VOC2012/Segmentation/comp{config.competition}_test_cls"
    members = {f"{place}/{image_id}.png": file for image_id, file in files.items()}
    write_archive(archive, members)
    require_content(archive, members)
    print(f"{archive}: {len(members)} label maps of {config.data.val_list} from {folder} in {place}")
    return 0


def require_complete(files: Mapping[str, Path], config: SubmitConfig) -> None:
    nested = [image_id for image_id in files if "/" in image_id]
    if nested:
        raise DataError(f"the id {nested[0]} has a folder; the server takes plain names, as those of VOC are")
    missing = [image_id for image_id, file in files.items() if not file.is_file()]
    if missing:
        split = config.data.val_list
        first = next(iter(files.values()))
        raise DataError(
            f"{len(missing)} of {len(files)} images of {split} have no label map in {first.parent}, e.g. {missing[0]}; "
            f"run test (and crf) with --split {split} first"
        )


def fault_of(file: Path, layout: DatasetLayout, image_id: str, largest: int) -> str:
    """What the server would refuse a label map for, ``largest`` being the largest label that may occur; empty if nothing."""
    try:
        with open_image(file) as image:
            mode, palette, labels = image.mode, image.getpalette(), np.array(image)
        size = image_size(layout.image_path(image_id), layout.upright)
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


def write_archive(path: Path, members: Mapping[str, Path]) -> None:
    """Write a ``.tgz`` whose bytes depend on nothing but the files: neither times nor users nor the order of ``members``.

    Args:
        members: name in the archive -> file.
    """

    def write(file: IO[bytes]) -> None:
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for name in sorted(members):
                content = members[name].read_bytes()
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

    atomic_write(path, write)


def require_content(path: Path, members: Mapping[str, Path]) -> None:
    """Read an archive back."""
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if member.name in found or content is None or member.name not in members:
                    raise DataError(
                        f"{path} holds {member.name}, which does not belong there; delete it and pack again"
                    )
                found[member.name] = content.read() == members[member.name].read_bytes()
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataError(f"cannot read {path} back: {error}; delete it and pack again") from error
    wrong = [name for name in members if not found.get(name)]
    if wrong:
        raise DataError(f"{path} lacks {wrong[0]} or holds another one; delete it and pack again")
