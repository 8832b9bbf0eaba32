"""TensorBoard's event file of a training, written at once: TensorBoard's own writer has a thread that prints its traceback where the disk is full."""

from __future__ import annotations

import os
import socket
import time
from itertools import count
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import scalar

VERSION = "brain.Event:2"
# Two files of one process in the same second have different names.
EVENT_FILES = count()


class EventFile:
    """A new file of scalars.

    Args:
        folder: where it goes, made when missing.
        first_step: TensorBoard leaves out what earlier files say of this step and later ones: they are of a run that was killed.

    Raises:
        OSError: from every method, where the system does not let it be written.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(EVENT_FILES)}"
        self.file = (folder / name).open("wb")
        self.records = RecordWriter(self.file)
        self.add(Event(file_version=VERSION))
        self.add(Event(step=first_step, file_version=VERSION))
        self.add(Event(step=first_step, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def add(self, event: Event) -> None:
        event.wall_time = time.time()
        self.records.write(event.SerializeToString())

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.add(Event(step=step, summary=scalar(name, value)))

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()
