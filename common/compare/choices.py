"""What all chains of a comparison share, and the settings of one of them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.compare.plan import Chain, config_for
from common.method.command import command_of, settings_of
from common.method.label_sets import LabelSet
from common.method.method import Method
from common.method.registry import find_method
from common.method.settings import with_values

PROGRAM = "wsss compare"
TOY = "toy"


@dataclass(frozen=True)
class Choices:
    """Attributes:
    data: name of the methods' configurations for the dataset.
    out: folder of everything.
    root: the dataset; None for what the configurations name.
    segmenter: configuration of the segmentation network of all methods; empty for what theirs name.
    weights: initial weights of all backbones (a file or imagenet); empty for the configurations'.
    device, workers: as everywhere.
    rest: further settings of every method, as flags.
    """

    data: str
    out: Path
    root: Path | None = None
    segmenter: str = ""
    weights: str = ""
    device: str = "auto"
    workers: int = 2
    rest: Sequence[str] = ()

    @property
    def data_root(self) -> Path | None:
        """The dataset's folder; the toy set is made below ``out`` where none is given."""
        return self.root or (self.out / "data" if self.data == TOY else None)

    def flags(self) -> list[str]:
        """Those of every chain. Paths are absolute: a method may read them from a folder of its own."""
        flags = ["--chain.reference", "", "--device", self.device, "--workers", str(self.workers)]
        flags += ["--root", os.path.abspath(self.data_root)] if self.data_root else []
        flags += ["--chain.segmentation", self.segmenter] if self.segmenter else []
        flags += ["--weights", self.weights] if self.weights else []
        return [*flags, *self.rest]

    def folder_of(self, chain: Chain) -> Path:
        return self.out / chain.name


def settings_of_chain(method: Method, chain: Chain, choices: Choices) -> Any:
    """The method's settings, with all outputs in the chain's folder.

    Raises:
        ConfigError: the method has no configuration for the dataset, or a flag is none of its settings.
    """
    config = config_for(method.name, choices.data, method.configs)
    flags = ["-c", str(config), "--seed", str(chain.seed), *choices.flags()]
    if chain.source.folder:
        flags += ["--data.saliency", str(chain.source.folder), "--report.saliency_source", chain.source.name]
    settings = settings_of(PROGRAM, command_of(method, "", of_chain=True), flags)
    return method.within(settings, choices.folder_of(chain))


def method_of_chain(chain: Chain) -> Method:
    """The method; where another source has given what needs no saliency maps already, only the label sets that need them."""
    method = find_method(chain.method)
    if not chain.begins_with:
        return method
    return dataclasses.replace(method, label_sets=partial(_guided_sets, method))


def _guided_sets(method: Method, settings: Any) -> list[LabelSet]:
    sets = [one for one in method.label_sets(settings) if not one.masks]
    return [one for one in sets if method.labels.uses_saliency(with_values(settings, one.values))]


def is_guided(settings: Any) -> bool:
    """Whether saliency maps are behind the results of a method."""
    return bool(settings.report.saliency_source)
