"""What ``--force`` deletes of a run: what the toolbox wrote there, by name; whatever else lies in the folder stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from common.engine.contents import INPUTS_FILE, RECORDS, recorded_inputs
from common.failures import STAGE_FILE
from common.files import remove_partial_files
from common.locks import LOCK_FILES
from common.paths import resolve_inside

# In a run's folder; what shows it to be a run goes last.
SIGNS_OF_RUN = ("environment.json", "config.yaml")
FILES_OF_RUN = (
    *("inputs.json", "classes.txt", "metrics.jsonl", "results.json", "threshold_sweep.json", "validation.json"),
    "engine_form.json",
    *("report.html", "picture.png", "segmentation.log"),
)
# Folder in a run's folder -> files in it, at any depth.
FOLDERS_OF_RUN = {
    "checkpoints": re.compile(r"checkpoint_\d+\.pth"),
    "tensorboard": re.compile(r"events\.out\.tfevents\..+"),
    "examples": re.compile(r"classes\.json|\d\d .+\.png"),
}

OUTPUT_SUFFIXES = (".npz", ".npy", ".png")


def clear_run(folder: Path) -> list[str]:
    """Delete a run, and what its stages made in folders inside of it; other runs inside are left alone.

    Returns:
        Names of what stays in the folder, as nothing of the toolbox wrote it.
    """
    for name, pattern in FOLDERS_OF_RUN.items():
        own = folder / name
        if own.is_dir() and not own.is_symlink():
            delete([path for path in own.rglob("*") if pattern.fullmatch(path.name)], own, folder)
    for stage in list(stage_folders(folder)):
        delete(files_of_stage(stage), stage, folder)
    remove_partial_files(folder)
    for name in (*FILES_OF_RUN, *SIGNS_OF_RUN):
        (folder / name).unlink(missing_ok=True)
    return sorted(path.name for path in folder.iterdir() if not is_run(path) and path.name not in LOCK_FILES)


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return all((folder / name).is_file() for name in SIGNS_OF_RUN)


def stage_folders(folder: Path) -> Iterator[Path]:
    """Folders of stages inside, at any depth, but those in other runs, behind links, and copies that somebody has made."""
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()):
        if is_run(inner):
            continue
        if (inner / STAGE_FILE).is_file():
            if not (inner / INPUTS_FILE).is_file() or recorded_inputs(inner)["folder"] == inner.name:
                yield inner
        else:
            yield from stage_folders(inner)


def files_of_stage(folder: Path) -> list[Path]:
    """The files that a stage has written into its folder."""
    records = [folder / name for name in RECORDS]
    if not (folder / INPUTS_FILE).is_file():
        # Of an earlier version, which has not said which files it wrote.
        return [*(path for path in folder.rglob("*") if path.suffix in OUTPUT_SUFFIXES), *records]
    written = recorded_inputs(folder)
    return [*(resolve_inside(folder, f"{image_id}{written['suffix']}") for image_id in written["ids"]), *records]


def delete(files: list[Path], folder: Path, run: Path) -> None:
    """Delete files within a folder of a run, partial ones too, and the folders of the run that are empty for it."""
    for path in files:
        if path.is_file() or path.is_symlink():
            path.unlink()
    remove_partial_files(folder)
    for place in {folder, *(path.parent for path in files)}:
        while place != run and place.is_dir() and not any(place.iterdir()):
            place.rmdir()
            place = place.parent
