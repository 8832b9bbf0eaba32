"""An inference stage to stop: ``python -m tests.common.engine.stopped_stage load|finish FOLDER``. Its images take minutes."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

from common.engine.finishing import FinishingProcesses
from common.engine.inference import OutputFolder, images_to_files
from common.engine.session import start_session
from common.errors import run_command
from common.files import atomic_write, write_text

IDS = [f"image{number}" for number in range(6)]


def load(folder: Path, image_id: str) -> str:
    """In a worker process: all but the first image take long."""
    if image_id != IDS[0]:
        (folder / f"at_work{os.getpid()}").touch()
        time.sleep(60)
    return image_id


def finish(path: Path, result: str) -> None:
    """In a finishing process: each takes long, with half of its file written."""

    def write(file):
        file.write(b"half")
        file.flush()
        (path.parent.parent / f"at_work{os.getpid()}").touch()
        time.sleep(60)

    atomic_write(path, write)


def main() -> int:
    what, folder = sys.argv[1], Path(sys.argv[2])
    output = OutputFolder(folder / "out", ".txt", {})
    with start_session("cpu") as session:
        if what == "load":
            report = images_to_files(IDS, partial(load, folder), write_text, output, session, workers=2)
        else:
            with FinishingProcesses(finish, 2) as finishing:
                report = images_to_files(IDS, str.upper, finishing, output, session, workers=0)
    return report.exit_status("stage")


if __name__ == "__main__":
    run_command(main)
