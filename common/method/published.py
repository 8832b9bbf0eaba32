"""The published form of a trained network: the file that a paper's own code reads and writes, and somebody else's in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from common.data.layout import DatasetLayout
from common.engine.run_folder import same_value
from common.engine.settings import EngineConfig

# The names of datasets in the files of L2G and I2CRC.
DATASET_PREFIXES = {"voc12": "pascal_voc", "vocaug": "pascal_voc", "coco14": "coco"}


def epoch_file(out: Path, layout: DatasetLayout, epoch: int) -> Path:
    """``<out>/model/pascal_voc_epoch_9.pth`` after ten epochs."""
    return out / "model" / f"{DATASET_PREFIXES.get(layout.name, layout.name)}_epoch_{epoch}.pth"


def nothing_given(settings: Any) -> str:
    return ""


@dataclass(frozen=True)
class Published:
    """The published form of a trained network: a file beside the checkpoints.

    Attributes:
        path: (settings, dataset) -> file.
        content: (settings, network, engine) -> tensors and plain values to write; None for the network's tensors alone.
        network: (settings, dataset) -> what the file is read into, where that is only a part of the trained network.
        load: (settings, network, file): reads the file into the network; None for a file of the network's tensors.
        given: settings -> somebody else's file in place of the training; empty for none.
    """

    path: Callable[[Any, DatasetLayout], Path]
    content: Callable[[Any, nn.Module, EngineConfig], Mapping[str, Any]] | None = None
    network: Callable[[Any, DatasetLayout], nn.Module] | None = None
    load: Callable[[Any, nn.Module, Path], None] | None = None
    given: Callable[[Any], str] = nothing_given

    def is_file(self, settings: Any, layout: DatasetLayout, path: str | Path) -> bool:
        """Whether a path is that of the training's own file."""
        return same_value(str(path), str(self.path(settings, layout)))

    def other_file(self, settings: Any, layout: DatasetLayout, trained_here: bool) -> Path | None:
        """Somebody else's file: the one that is given, or the one that stands in the place of the training's own.

        Args:
            trained_here: a training was begun, so that a file in its place is its own.
        """
        named, own = self.given(settings), self.path(settings, layout)
        if named and not (trained_here and self.is_file(settings, layout, named)):
            return Path(named)
        return own if self.network is None and not trained_here and own.is_file() else None
