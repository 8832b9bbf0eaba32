"""The kinds of stages that run another program: what a paper starts from, whose weights it takes, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from common.data.layout import DatasetLayout
from common.engine.run_folder import RunFolder
from common.errors import ConfigError, DataError
from common.files import write_torch
from common.method.calls import call, in_repository, in_repository_if_file
from common.method.registry import PLAIN_CAM
from common.method.segmentation import common_flags
from common.method.stage import Stage, never

WEIGHT_FILES = (".pth", ".pt")


def arguments_of_classifier(settings: Any, config: str, out: str | Path) -> list[str]:
    """Configuration and flags of plain CAM's classifier that a method starts from.

    Args:
        config: its configuration, from here or inside the toolbox; empty where another command makes it, which gives no arguments.
        out: its run folder.
    """
    if not config:
        return []
    weights, steps = in_repository_if_file(settings.chain.weights), settings.chain.classifier_steps
    flags = ["-c", in_repository_if_file(config), "--out", in_repository(out), *common_flags(settings)]
    flags += ["--weights", weights] if weights else []
    return [*flags, *(["--max-steps", str(steps)] if steps else [])]


@dataclass(frozen=True, kw_only=True, eq=False)
class OtherRun(Stage):
    """Run stages of another method with a configuration of its own, e.g. the classifier that a paper starts from.

    Attributes:
        arguments: settings -> configuration and flags of the other method, with paths of the repository's folder (see
            :func:`common.method.calls.in_repository`); empty where there is nothing to do.
        method: the other one.
        stages: names of its stages.
        makes: settings -> folders that it writes, in which stages that follow look.
    """

    arguments: Callable[[Any], Sequence[str]]
    method: str = PLAIN_CAM
    stages: Sequence[str] = ("train", "cam")
    makes: Callable[[Any], Sequence[Path]] = lambda settings: ()

    def writes(self, settings: Any) -> list[Path]:
        return list(self.makes(settings)) if self.arguments(settings) else []

    def run(self, settings: Any) -> int:
        arguments = self.arguments(settings)
        return call("common.method.__main__", [self.method, *self.stages, *arguments]) if arguments else 0


@dataclass(frozen=True, kw_only=True, eq=False)
class OtherProgram(Stage):
    """Run a program of the method's folder on what its stages have made, e.g. the paper's own scoring.

    Attributes:
        module: the program, which has a ``main`` that takes its arguments.
        arguments: settings -> its arguments, with paths of the repository's folder.
    """

    module: str
    arguments: Callable[[Any], Sequence[str]]
    in_chain: Callable[[Any], bool] = never

    def run(self, settings: Any) -> int:
        return call(self.module, self.arguments(settings))


@dataclass(frozen=True, kw_only=True, eq=False)
class InitialWeights(Stage):
    """Write initial weights in a paper's own form, from the finished training of another run; a file that is there stays.

    Attributes:
        path: settings -> the file.
        source: settings -> folder of the other run.
        tensors: (settings, dataset, checkpoint of the other run) -> name -> tensor.
    """

    path: Callable[[Any], str]
    source: Callable[[Any], str]
    tensors: Callable[[Any, DatasetLayout, Path], Mapping[str, Tensor]]

    def writes(self, settings: Any) -> list[Path]:
        return [Path(self.path(settings))]

    def run(self, settings: Any) -> int:
        """Write the file.

        Raises:
            ConfigError: the settings name no file.
            DataError: there is no other run.
            CheckpointError: its training is not finished, or its network does not fit.
        """
        path, run = Path(self.path(settings)), RunFolder(self.source(settings))
        if path.suffix not in WEIGHT_FILES:
            raise ConfigError(f"the initial weights are {str(path)!r}; name the file to write, such as initial.pth")
        if path.is_file() and not settings.force:
            print(f"{path} is already there")
            return 0
        if not run.config.is_file():
            raise DataError(f"there is no training in {run.path} to take initial weights from; run it first")
        checkpoint = run.finished_checkpoint(run.recorded("engine.max_steps"))
        write_torch(path, self.tensors(settings, self.layout(settings), checkpoint))
        print(f"wrote {path} from {checkpoint}")
        return 0
