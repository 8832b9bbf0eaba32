"""Example images that a run leaves for the report: ``<run folder>/examples/<id>/<number> <title>.png``.

A method writes a few images with their maps and label maps; ``python -m common.report`` shows the examples of all runs it
is given, those of one image together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.images import read_image
from common.errors import DataError
from common.files import read_json, write_json
from common.paths import path_of_id
from common.records import VALUE_CHECKS
from common.report.html import Example, Panel
from common.visual.panels import write_png

FOLDER = "examples"
CLASS_NAMES = "classes.json"


def write_example(run_folder: Path, example: Example) -> None:
    """Write the panels of one image, in the place of those it had.

    Raises:
        DataError: there is no panel, or a title cannot be a file name.
    """
    if not example.panels:
        raise DataError(f"example {example.id!r} has no picture; give at least one")
    folder = path_of_id(Path(run_folder) / FOLDER, example.id)
    for panel_file in folder.glob("[0-9][0-9] *.png"):
        panel_file.unlink()
    for number, panel in enumerate(example.panels, start=1):
        if "/" in panel.title or not panel.title.strip():
            raise DataError(f"picture title {panel.title!r} cannot be a file name; leave out slashes")
        write_png(folder / f"{number:02} {panel.title}.png", panel.image)


def write_class_names(run_folder: Path, names: Sequence[str]) -> None:
    """Write the dataset's classes without background: the meaning of the colours in label pictures."""
    write_json(Path(run_folder) / FOLDER / CLASS_NAMES, list(names))


def read_class_names(run_folders: Sequence[Path]) -> list[str]:
    """The classes of the pictures; none where no run has any, or two runs show other ones."""
    files = [Path(run_folder) / FOLDER / CLASS_NAMES for run_folder in run_folders]
    found = [class_names(file) for file in files if file.is_file()]
    return found[0] if found and all(names == found[0] for names in found) else []


def class_names(file: Path) -> list[str]:
    """The names in a file of :func:`write_class_names`; a :class:`DataError` where it holds something else."""
    names = read_json(file)
    if not VALUE_CHECKS["list[str]"](names):
        raise DataError(f"{file} does not hold names of classes; delete it and score again")
    return [str(name) for name in names]


def read_examples(run_folders: Sequence[Path]) -> list[Example]:
    """The examples of all runs; an image that several runs show has the panels of all, each title once.

    Raises:
        DataError: a picture is broken.
    """
    panels: dict[str, dict[str, Panel]] = {}
    for run_folder in run_folders:
        for path in sorted((Path(run_folder) / FOLDER).rglob("*.png")):
            image_id = path.parent.relative_to(Path(run_folder) / FOLDER).as_posix()
            title = path.stem.partition(" ")[2]
            if title and title not in panels.setdefault(image_id, {}):
                panels[image_id][title] = Panel(title, read_image(path))
    return [Example(image_id, list(shown.values())) for image_id, shown in panels.items() if shown]
