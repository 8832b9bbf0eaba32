"""The reference rows between which a method's scores are read: floor, plain CAM, CAM x saliency, ceiling.

They are plain CAM's own chain, shared by all methods of a dataset. Its DeepLab-v2 trainings run beside the method's stages, each
side with half of the cores: small networks gain little from more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from common.config_files import read_settings
from common.errors import ToolboxError
from common.failures import FAILED_FILE
from common.interruption import has_ended, start_beside, stop_beside, undone_if_stopped
from common.method.calls import IMAGES_FAILED, call, in_repository, in_repository_if_file
from common.method.method import Method
from common.method.registry import PLAIN_CAM, find_method
from common.method.segmentation import shared_flags
from common.method.settings import TOP, find_config
from common.method.stage import Stage

LOG = "segmentation.log"
COMMAND = "common.method"
# Seconds between two looks at whether the trainings have ended.
PAUSE = 0.05


class ReferenceRows:
    """Made within the context: on entry up to the label maps, at its end to the last score.

    Args:
        settings: of the method; its section ``chain`` names the configuration and the folder.
    """

    def __init__(self, settings: Any) -> None:
        self.folder = Path(settings.chain.reference_out)
        self.arguments = [PLAIN_CAM, "reproduce", *flags_of_reference(settings)]
        self.process: subprocess.Popen[bytes] | None = None
        # 1 when an image of theirs failed, which does not keep the method from its end.
        self.status = 0
        self.context = ExitStack()

    def __enter__(self) -> ReferenceRows:
        self.status = call(f"{COMMAND}.__main__", [*self.arguments, "--until", "labels"])
        threads = os.environ.setdefault("OMP_NUM_THREADS", str(((os.cpu_count() or 1) + 1) // 2))
        torch.set_num_threads(int(threads) if threads.isdecimal() and int(threads) else torch.get_num_threads())
        log = self.folder / LOG
        print(f"the reference rows' DeepLab-v2 trainings run meanwhile: {log}", flush=True)
        self.context.enter_context(undone_if_stopped(lambda number: self.stop()))
        with log.open("wb") as output:
            command = [sys.executable, "-m", COMMAND, *self.arguments]
            self.process = start_beside(command, cwd=TOP, stdout=output, stderr=subprocess.STDOUT)
        return self

    def stop(self) -> None:
        """End the trainings, with a checkpoint."""
        stop_beside([self.process] if self.process else [])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self.process is not None
        with self.context:
            if kind is not None:
                self.stop()
            while not has_ended(self.process):
                time.sleep(PAUSE)
            status = self.process.wait()
        # A program that crashes has that status too.
        if status == IMAGES_FAILED and any(self.folder.rglob(FAILED_FILE)):
            self.status = status
        elif status and kind is None:
            log = self.folder / LOG
            print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]), file=sys.stderr)
            raise ToolboxError(f"the reference rows failed with status {status}; {log} says why")


def flags_of_reference(settings: Any) -> Sequence[str]:
    """The flags of plain CAM's chain: the method's dataset, seed, device, workers and weights."""
    chain = settings.chain
    config, out = in_repository(find_config(chain.reference)), in_repository(chain.reference_out)
    weights = in_repository_if_file(chain.weights)
    flags = ["-c", config, "--out", out, *shared_flags(settings), *(["--weights", weights] if weights else [])]
    return [*flags, *saliency_of_method(settings)]


def saliency_of_method(settings: Any) -> list[str]:
    """The method's saliency maps for the rows that look at some, where the configuration of these does not say which."""
    source, folder = settings.report.saliency_source, settings.data.saliency
    if not source or read_settings(find_config(settings.chain.reference), {}).get("report.saliency_source"):
        return []
    place = in_repository(folder) if folder and Path(folder).is_dir() else folder
    return [*(["--data.saliency", place] if place else []), "--report.saliency_source", source]


def made_by_reference(settings: Any) -> list[Path]:
    """Where the reference rows write maps and label maps, from which a method may start."""
    method = find_method(PLAIN_CAM)
    chain = method.settings(out=settings.chain.reference_out)
    stages = [(stage, kind) for stage in method.stages for kind in kinds_of_stage(method, stage, chain)]
    return [place for stage, kind in stages for place in stage.writes(kind)]


def kinds_of_stage(method: Method, stage: Stage, settings: Any) -> list[Any]:
    """The settings with which a chain runs a stage: the labels that go on to DeepLab-v2 once for every set of label maps."""
    return method.every_kind(settings) if stage is method.labels else [settings]
