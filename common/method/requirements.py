"""What stages need from outside of their chain: looked for before the first of them begins, not when its turn comes after hours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.config_files import read_settings
from common.data.layout import DataConfig, DatasetLayout, open_layout
from common.engine.contents import WEIGHT_SUFFIXES
from common.errors import CheckpointError, DataError, ToolboxError
from common.failures import some_names
from common.method.score import ids_without_masks

# Settings of the segmentation trainer that may name a file; other values are names of weights.
TRAINER_WEIGHTS = ("network.weights", "network.backbone.weights")
TRAINER_LIST, USUAL_LIST = "data.val_list", "val"
PUBLISHED_LISTS = "DATASET.SPLIT"


@dataclass(frozen=True)
class Requirement:
    """Something that a stage needs.

    Attributes:
        check: raises where it is not there.
        place: a stage of the same chain that writes there provides it.
    """

    check: Callable[[], object]
    place: Path | None = None


def require_inputs(requirements: Iterable[tuple[Collection[Requirement], Collection[Path]]]) -> None:
    """Check what stages need that no stage before them makes.

    Args:
        requirements: of every stage in order, with the places where it writes.

    Raises:
        ToolboxError: something is not there, as the stage itself would say when its turn comes.
    """
    written: set[Path] = set()
    for needed, places in requirements:
        for requirement in needed:
            if requirement.place is None or requirement.place.absolute() not in written:
                requirement.check()
        written |= {place.absolute() for place in places}


def requirements_or_error(make: Callable[[], Iterable[Requirement]]) -> list[Requirement]:
    """Requirements; where not even they can be told, as without the dataset, one that raises what kept them."""
    try:
        return list(make())
    except ToolboxError as error:
        return [Requirement(partial(raise_again, error))]


def raise_again(error: ToolboxError) -> None:
    raise error


def required_folder(folder: Path, message: str) -> Requirement:
    """A folder that has to be there unless a stage makes it."""

    def check() -> None:
        if not folder.is_dir():
            raise DataError(message)

    return Requirement(check, folder)


def required_files(folder: Path) -> Requirement:
    """The files of another stage, from which a training learns."""
    return required_folder(
        folder,
        f"no files to learn from: folder {folder} does not exist; make them, or correct the setting that names it",
    )


def required_saliency(layout: DatasetLayout) -> Requirement:
    """The folder of saliency maps."""
    folder = layout.saliency
    return required_folder(
        folder, f"no saliency maps: folder {folder} does not exist; put them there or set data.saliency"
    )


def required_if(used: bool, layout: DatasetLayout) -> list[Requirement]:
    """The same where something looks at them."""
    return [required_saliency(layout)] if used else []


def required_masks(layout: DatasetLayout, ids: Collection[str]) -> Requirement:
    """The masks of a list, for scores and thresholds."""
    return Requirement(partial(require_masks, layout, ids))


def require_masks(layout: DatasetLayout, ids: Collection[str]) -> None:
    """Raise :class:`DataError` unless every image of a list has a mask."""
    without = ids_without_masks(layout, ids)
    if without:
        raise DataError(
            f"{len(without)} of {len(ids)} images have no mask in {layout.masks}, e.g. {some_names(without)}: the label maps are "
            "scored against them. Add them, or take the images out of the list"
        )


def require_trainer_inputs(config: Path, data: DataConfig, weights: str, top: Path) -> None:
    """Raise where a configuration of the segmentation trainer names a list or weights that are not there.

    Args:
        config: the configuration.
        data: the dataset that it will be given.
        weights: initial weights that take the place of its own; empty for these.
        top: where its relative paths begin.
    """
    values = read_settings(config, {})
    named = [str(values[name]) for name in TRAINER_WEIGHTS if values.get(name)]
    for name in [weights] if weights else named:
        if name.endswith(WEIGHT_SUFFIXES) and not (top / name).is_file():
            raise CheckpointError(f"there is no weights file {name}, which the segmentation with {config} starts from")
    if not any(name.startswith(PUBLISHED_LISTS) for name in values):
        val_list = str(values.get(TRAINER_LIST) or USUAL_LIST)
        open_layout(dataclasses.replace(data, val_list=val_list)).ids("val")


def no_requirements(settings: Any) -> Collection[Requirement]:
    return ()
