"""Label maps that a rule starts from: those of a stage, or of a folder that the settings name, whoever made them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import DataError
from common.method.labels import Labels
from common.method.maps import record_of
from common.report.results import NONE, NOT_RECORDED

UNKNOWN_ORIGIN = {"seed": 0, "steps": {}, "initial_weights": NOT_RECORDED}


@dataclass(frozen=True, kw_only=True)
class LabelsOrGiven:
    """A source of label maps.

    Attributes:
        labels: the stage that makes them where no folder is given.
        given: settings -> folder of ``<id>.png``; empty for none.
        name: what records call them.
    """

    labels: Labels
    given: Callable[[Any], str]
    name: str = "base"

    def label_folder(self, settings: Any) -> Path:
        """Where they lie."""
        return Path(self.given(settings)) if self.given(settings) else self.labels.folder(settings)

    def made(self, settings: Any) -> dict[str, Any]:
        """The record of the label maps; their folder where nothing else is known.

        Raises:
            DataError: there are none.
        """
        if not self.given(settings):
            return self.labels.made(settings)
        folder = self.label_folder(settings)
        if not folder.is_dir():
            raise DataError(f"no label maps in {folder}; make them, or correct the setting that names their folder")
        return record_of(folder) or {"folder": str(folder)}

    def crf(self, settings: Any) -> str:
        """The CRF that the label maps went through, in words; ``none`` also where nobody has said."""
        if not self.given(settings):
            return self.labels.crf(settings)
        known: str = record_of(self.label_folder(settings)).get("result", {}).get("crf", NONE)
        return known


@dataclass(frozen=True, kw_only=True)
class MapsBehind:
    """The maps behind label maps, whose network and tags results name.

    Attributes:
        source: the label maps.
    """

    source: LabelsOrGiven

    def folder(self, settings: Any) -> Path:
        """That of the label maps: the maps themselves may be gone."""
        return self.source.label_folder(settings)

    def made(self, settings: Any) -> dict[str, Any]:
        """What the record of the label maps says of their maps."""
        maps: dict[str, Any] = self.source.made(settings).get("maps", {})
        return maps if "network" in maps else {**maps, "network": UNKNOWN_ORIGIN}
