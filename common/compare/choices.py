"""What all chains of a comparison share, and the settings of one of them."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from common.bounds import declarations
from common.compare.plan import Chain
from common.config import config_to_dict
from common.engine.checkpoint import latest_checkpoint
from common.method.calls import working_in
from common.method.command import command_of, settings_of
from common.method.label_sets import LabelSet
from common.method.method import Method
from common.method.registry import PLAIN_CAM, config_for, find_method
from common.method.settings import with_values

PROGRAM = "wsss compare"
TOY = "toy"
CHECKPOINT = re.compile(r"checkpoint_\d+\.pth")


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

    def settings(self, chain: Chain) -> Any:
        """The chain's settings, only to look at them."""
        with working_in(Path.cwd()):
            return settings_of_chain(method_of_chain(chain), chain, self)


def settings_of_chain(method: Method, chain: Chain, choices: Choices) -> Any:
    """The method's settings, with all outputs in the chain's folder, and plain CAM's maps and networks from the chain that it comes after.

    Like all commands of a method it goes to the folder in which relative paths of its configurations begin.

    Raises:
        ConfigError: the method has no configuration for the dataset, or a flag is none of its settings.
    """
    config = config_for(method, choices.data)
    flags = ["-c", str(config), "--seed", str(chain.seed), *choices.flags()]
    if chain.source.folder:
        flags += ["--data.saliency", str(chain.source.folder), "--report.saliency_source", chain.source.name]
    settings = settings_of(PROGRAM, command_of(method, "", of_chain=True), flags)
    own, beside, folder = settings.out, settings.chain.reference_out, choices.folder_of(chain)
    settings = method.within(with_values(settings, moved_settings(config_to_dict(settings), Path(own), folder)), folder)
    if not chain.after or not beside:
        return settings
    moved = moved_settings(config_to_dict(settings), Path(beside), choices.out / chain.after)
    return with_values(settings, moved | {"chain.reference_out": str(choices.out / chain.after)})


def moved_settings(values: Mapping[str, Any], old: Path, new: Path, prefix: str = "") -> dict[str, str]:
    """Dotted name -> path of the settings that name something in the folder ``old``, as it is called in ``new``."""
    moved: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            moved |= moved_settings(value, old, new, f"{prefix}{name}.")
        elif (
            isinstance(value, str)
            and names_path(value)
            and Path(os.path.abspath(value)).is_relative_to(os.path.abspath(old))
        ):
            moved[f"{prefix}{name}"] = str(new / os.path.relpath(value, old))
    return moved


def names_path(value: str) -> bool:
    """Whether a setting can name what a run writes. Where that is ``.``, a lone word (the name of a network) and a configuration lie in it too."""
    return (value == os.curdir or os.sep in value) and not value.endswith((".yaml", ".yml"))


def with_last_checkpoints(settings: Any) -> Any:
    """The settings with the last checkpoint of a folder in place of one that is not there, as after a training of other length."""
    there: dict[str, str] = {}
    for name, value, _ in declarations(settings):
        if isinstance(value, str) and CHECKPOINT.fullmatch(Path(value).name) and not Path(value).exists():
            latest = latest_checkpoint(Path(value).parent)
            there |= {name: str(latest)} if latest else {}
    return with_values(settings, there) if there else settings


def method_of_chain(chain: Chain) -> Method:
    """The method; of plain CAM with another source only the label sets that need saliency maps."""
    method = find_method(chain.method)
    if method.name != PLAIN_CAM or not chain.after:
        return method
    return dataclasses.replace(method, label_sets=partial(_guided_sets, method))


def _guided_sets(method: Method, settings: Any) -> list[LabelSet]:
    sets = [one for one in method.label_sets(settings) if not one.masks]
    return [one for one in sets if method.labels.uses_saliency(with_values(settings, one.values))]


def is_guided(settings: Any) -> bool:
    """Whether saliency maps are behind the results of a method."""
    return bool(settings.report.saliency_source)
