"""The reference rows between which a method's scores are read: floor, plain CAM, CAM x saliency, ceiling.

They are plain CAM's own chain, shared by all methods of a dataset. Its DeepLab-v2 trainings run beside the method's stages, each
side with half of the cores: small networks gain little from more.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch

from common.errors import ToolboxError
from common.failures import FAILED_FILE
from common.method.calls import IMAGES_FAILED, call, in_repository, in_repository_if_file
from common.method.registry import PLAIN_CAM
from common.method.segmentation import shared_flags
from common.method.settings import TOP, find_config

LOG = "segmentation.log"
COMMAND = "common.method"


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

    def __enter__(self) -> ReferenceRows:
        self.status = call(f"{COMMAND}.__main__", [*self.arguments, "--until", "labels"])
        self.previous = signal.signal(signal.SIGTERM, leave_on_signal)
        threads = os.environ.setdefault("OMP_NUM_THREADS", str(((os.cpu_count() or 1) + 1) // 2))
        torch.set_num_threads(int(threads) if threads.isdecimal() and int(threads) else torch.get_num_threads())
        log = self.folder / LOG
        print(f"the reference rows' DeepLab-v2 trainings run meanwhile: {log}", flush=True)
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", COMMAND, *self.arguments],
                cwd=TOP,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self.process is not None
        try:
            if kind is not None:
                # SIGTERM ends a training with a checkpoint.
                self.process.terminate()
            status = self.process.wait()
        except BaseException:
            # Stopped while it waited.
            self.process.terminate()
            self.process.wait()
            raise
        finally:
            signal.signal(signal.SIGTERM, self.previous)
        # A program that crashes has that status too.
        if status == IMAGES_FAILED and any(self.folder.rglob(FAILED_FILE)):
            self.status = status
        elif status and kind is None:
            log = self.folder / LOG
            print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]), file=sys.stderr)
            raise ToolboxError(f"the reference rows failed with status {status}; {log} says why")


def leave_on_signal(number: int, frame: FrameType | None) -> None:
    """Leave the context as after an error; by itself SIGTERM would end this process at once and leave the other one alone."""
    sys.exit(128 + number)


def flags_of_reference(settings: Any) -> Sequence[str]:
    """The flags of plain CAM's chain: the method's dataset, seed, device, workers and weights."""
    chain = settings.chain
    config, out = in_repository(find_config(chain.reference)), in_repository(chain.reference_out)
    weights = in_repository_if_file(chain.weights)
    return ["-c", config, "--out", out, *shared_flags(settings), *(["--weights", weights] if weights else [])]
