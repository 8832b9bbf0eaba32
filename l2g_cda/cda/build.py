"""Make a bank of objects (l2g_cda spec, section 4.7)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.data.layout import DatasetLayout
from common.engine.inference import STAGE_FILE, OutputFolder, StageReport, images_to_files
from common.engine.session import start_session
from common.errors import DataError
from common.files import atomic_write, read_json, resolve_inside, write_json
from common.visual.panels import png_bytes
from l2g_cda.cda.bank import INDEX, read_index
from l2g_cda.cda.objects import read_foreground, write_foreground
from l2g_cda.cda.pictures import bank_sheet
from l2g_cda.cda.sources import BankSources, ObjectReader

SUFFIX = ".npz"
PICTURE = "bank.png"
# Objects of each class in the picture.
SHOWN = 6


@dataclass(frozen=True)
class BankFolder(OutputFolder):
    """``<class number>/<id>.npz``; ``numbers`` is the class of every image that gives an object."""

    numbers: Mapping[str, int] = field(default_factory=dict)

    def file(self, image_id: str) -> Path:
        return resolve_inside(self.path / str(self.numbers[image_id]), f"{image_id}{self.suffix}")


def build_bank(
    layout: DatasetLayout,
    ids: Sequence[str],
    sources: BankSources,
    output: Path,
    *,
    force: bool = False,
    workers: int = 2,
) -> StageReport:
    """Cut one object from every image that is fit for it, then write the index and a picture of the bank.

    Run again, it continues: objects that are there are not cut again. The index is written last; without it a bank
    counts as unfinished.

    Returns:
        What was written; images whose labels or maps cannot be read are among the failures.

    Raises:
        DataError: not one image is fit.
        ConfigError: ``output`` holds a bank of other settings.
    """
    reader = ObjectReader(layout, sources)
    numbers, failed = select_objects(reader, ids)
    if not numbers:
        first = f" ({next(iter(failed.values()))})" if failed else ""
        raise DataError(
            f"none of {len(ids)} images gives an object: {len(failed)} cannot be read{first}, the others do not show exactly "
            f"one class on {sources.least_share:g} to {sources.largest_share:g} of their area"
        )
    if force:
        remove_bank(output)
    settings = {"sources": dataclasses.asdict(sources), "made_from": made_from(sources), "dataset": layout.name}
    folder = BankFolder(output, SUFFIX, settings, force, numbers)
    with start_session("cpu") as session:
        report = images_to_files(
            list(numbers), reader, write_foreground, folder, session, workers=workers, title="objects"
        )
        session.on_main(lambda: finish_bank(folder, layout))
    report.failed |= failed
    return report


def select_objects(reader: ObjectReader, ids: Sequence[str]) -> tuple[dict[str, int], dict[str, str]]:
    """id -> class number of the images that give an object, and id -> reason of those that cannot be read."""

    def select(image_id: str) -> int | str | None:
        try:
            selection = reader.select(image_id)
        except DataError as error:
            return str(error)
        return None if selection is None else selection.number

    with ThreadPoolExecutor() as pool:
        found = list(tqdm(pool.map(select, ids), total=len(ids), desc="choosing images", unit="image", disable=None))
    pairs = list(zip(ids, found, strict=True))
    numbers = {image_id: number for image_id, number in pairs if isinstance(number, int)}
    return numbers, {image_id: reason for image_id, reason in pairs if isinstance(reason, str)}


def finish_bank(folder: BankFolder, layout: DatasetLayout) -> None:
    """Write the index, print how many objects each class has, and draw some of them."""
    names: dict[int, list[str]] = {number: [] for number in range(layout.n_classes)}
    for image_id, number in folder.numbers.items():
        if folder.file(image_id).exists():
            names[number].append(f"{image_id}{folder.suffix}")
    write_json(folder.path / INDEX, {str(number): found for number, found in names.items()})
    counts = ", ".join(f"{name} {len(names[number])}" for number, name in enumerate(layout.classes))
    print(f"objects per class: {counts}")
    rows = {
        f"{layout.classes[number]} ({len(found)})": [
            read_foreground(folder.path / str(number) / found[place])
            for place in np.linspace(0, len(found) - 1, min(SHOWN, len(found))).astype(int)
        ]
        for number, found in names.items()
        if found
    }
    atomic_write(folder.path / PICTURE, lambda file: file.write(png_bytes(bank_sheet(rows, SHOWN))))


def remove_bank(folder: Path) -> None:
    """Delete the objects that the index of ``folder`` names, and the index; what else lies there stays."""
    if not (folder / INDEX).exists():
        return
    for number, names in read_index(folder).items():
        for name in names:
            resolve_inside(folder / str(number), name).unlink(missing_ok=True)
    (folder / INDEX).unlink()


def made_from(sources: BankSources) -> dict[str, object]:
    """The records of the stages that made the labels and CAMs, where they left any."""
    stages: dict[str, object] = {}
    for kind in ("labels", "cams"):
        folder = getattr(sources, kind)
        if folder and (Path(folder) / STAGE_FILE).exists():
            stages[kind] = read_json(Path(folder) / STAGE_FILE)
    return stages
