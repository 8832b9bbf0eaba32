"""What all kinds of stages share: a name, and a run from the settings to an exit status."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.data.layout import DatasetLayout, open_layout
from common.method.requirements import Requirement, no_requirements, requirements_or_error


def dataset_of(settings: Any) -> DatasetLayout:
    """The dataset of ``settings.data``."""
    return open_layout(settings.data)


def inside(*parts: str) -> Callable[[Any], Path]:
    """``settings -> <out>/<parts>``: where a stage writes unless the paper has another place."""
    return lambda settings: Path(settings.out).joinpath(*parts)


def always(settings: Any) -> bool:
    return True


def never(settings: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage(ABC):
    """One step of a method, a command of its own.

    Attributes:
        name: the command.
        text: what it does, for the help.
        layout: the dataset it works on.
        folder: where it writes.
        in_chain: settings -> whether the chain runs it; otherwise it is a command only. A training left out of the chain
            stands for the one before it.
        optional: where the settings leave it out of the chain, its command does nothing either.
        requires: settings -> what it needs besides what its kind needs anyway, and what is missed before the first stage begins.
    """

    name: str
    text: str = ""
    layout: Callable[[Any], DatasetLayout] = dataset_of
    folder: Callable[[Any], Path] = field(default_factory=inside)
    in_chain: Callable[[Any], bool] = always
    optional: bool = False
    requires: Callable[[Any], Collection[Requirement]] = no_requirements

    def left_out(self, settings: Any) -> bool:
        """Whether the settings leave it out, so that its command says so and does nothing."""
        return self.optional and not self.in_chain(settings)

    def requirements(self, settings: Any) -> list[Requirement]:
        """What it needs from outside of its chain."""
        return requirements_or_error(lambda: self.requires(settings))

    def writes(self, settings: Any) -> list[Path]:
        """The places where stages that follow find what it makes."""
        return [self.folder(settings)]

    @abstractmethod
    def run(self, settings: Any) -> int:
        """Do it; what is complete is skipped. 1 when an image failed, else 0."""
