"""What two processes of one torchrun do together; each writes what came of it to ``rank<n>.json``.

``python -m torch.distributed.run --standalone --nproc_per_node 2 -m tests.common.engine.two_processes FOLDER``
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from common.engine import state
from common.engine.inference import OutputFolder, images_to_files
from common.engine.session import Session, start_session
from common.errors import DiskFullError, ToolboxError
from common.files import write_json, write_text
from tests.common.engine.tiny_training import Trouble, run_tiny

# Batches of 7 of 10 images: shares of 4 and 3, then 2 and 1.
UNEVEN = {"batch_size": 7}
ACCUMULATED = {"batch_size": 4, "accumulate": 2}
IDS = [f"image{number}" for number in range(5)]


def write_files(folder: Path, session: Session) -> int:
    """Returns the number of files that this process wrote."""

    def write(path: Path, value: str) -> None:
        if path.exists():
            raise FileExistsError(path)
        write_text(path, value)

    output = OutputFolder(folder, ".txt", {})
    return images_to_files(IDS, str.upper, write, output, session, workers=0).done


def fill_disk(folder: Path, session: Session) -> None:
    with mock.patch.object(state, "save_checkpoint", side_effect=DiskFullError("no space left")):
        run_tiny(folder, session)


def other_settings(folder: Path, session: Session) -> None:
    run_tiny(folder, session, stop_at=1)
    run_tiny(folder, session, batch_size=6)


def train_with(**options: Any) -> Callable[[Path, Session], object]:
    """A training whose outcome is how often its step function was called."""
    return lambda folder, session: run_tiny(folder, session, noisy=False, **options).calls


SCENARIOS: dict[str, Callable[[Path, Session], object]] = {
    "uneven": train_with(**UNEVEN),
    "accumulated": train_with(**ACCUMULATED),
    "files": write_files,
    "nan": train_with(trouble=Trouble(nan_at=3, rank=1)),
    "infinite gradient": train_with(trouble=Trouble(infinite_gradient_at=3, rank=1)),
    "unreadable": train_with(trouble=Trouble(unreadable=5, rank=1)),
    "disk full": fill_disk,
    "other settings": other_settings,
    "one terminated": train_with(trouble=Trouble(terminate_at=3, rank=1)),
    # The last, as torchrun ends with it: one process signals torchrun, which signals both.
    "terminated": train_with(trouble=Trouble(terminate_at=3, terminate="parent", rank=1)),
}


def sessions_in_turn() -> list[float]:
    """How many processes met in each of some sessions, for which one of them is late."""
    met = []
    for _ in range(6):
        with start_session("cpu") as session:
            met.append(session.sum(torch.ones(1)).item())
        time.sleep(0.2 * session.is_main)
    return met


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    outcomes: dict[str, object] = {"sessions": sessions_in_turn()}
    with start_session("cpu") as session:
        for name, scenario in SCENARIOS.items():
            try:
                outcomes[name] = scenario(folder / name, session)
            except ToolboxError as error:
                outcomes[name] = f"{type(error).__name__}: {error}"
            except SystemExit as error:
                outcomes[name] = error.code
            write_json(folder / f"rank{os.environ['RANK']}.json", outcomes)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
