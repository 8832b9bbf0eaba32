"""Where a training's numbers go: metrics.jsonl, TensorBoard, one line on the console, the checkpoint's history."""

from __future__ import annotations

import json
import time
from typing import Any

from tqdm import tqdm

from common.engine.event_file import EventFile
from common.engine.metric_file import keep_metrics_until
from common.engine.run_folder import RunFolder
from common.files import write_errors_named


class MetricLog:
    """Writes one record of mean losses and learning rates at a time.

    Args:
        run: where to write.
        history: records of the run so far (from the checkpoint), continued in place.
        step: the step the training starts at.
        end_step: the last step, for the progress bar.
        images_per_step: for the speed.

    Raises:
        DiskFullError: from every method, when there is no space for metrics.jsonl or the TensorBoard events.
    """

    def __init__(
        self, run: RunFolder, history: list[dict[str, Any]], step: int, end_step: int, images_per_step: int
    ) -> None:
        keep_metrics_until(run.metrics, step)
        self.run = run
        self.history = history
        self.images_per_step = images_per_step
        self.file = run.metrics.open("a", encoding="utf-8")
        with write_errors_named(run.tensorboard):
            # A killed run may have logged later steps, even before its first checkpoint.
            self.tensorboard = EventFile(run.tensorboard, first_step=step + 1)
        self.progress = tqdm(total=end_step, initial=step, disable=None, unit="step", dynamic_ncols=True)
        self.started, self.timed_step = time.perf_counter(), step

    def advance(self) -> None:
        """Count one step in the progress bar."""
        self.progress.update()

    def record(self, step: int, values: dict[str, float], rates: dict[str, float]) -> None:
        """Write the record of ``step``: mean losses since the last record, and learning rates."""
        now = time.perf_counter()
        speed = (step - self.timed_step) * self.images_per_step / (now - self.started)
        self.started, self.timed_step = now, step
        record = {"step": step, **values, "lr": rates}
        self.history.append(record)
        line = json.dumps({**record, "images_per_second": round(speed, 2), "time": round(time.time(), 2)})
        with write_errors_named(self.run.metrics):
            self.file.write(line + "\n")
            self.file.flush()
        scalars = {f"loss/{name}": value for name, value in values.items()}
        scalars |= {f"lr/{name}": rate for name, rate in rates.items()} | {"speed/images_per_second": speed}
        with write_errors_named(self.run.tensorboard):
            for name, value in scalars.items():
                self.tensorboard.add_scalar(name, value, step)
            self.tensorboard.flush()
        losses = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        self.progress.write(f"step {step}/{self.progress.total}  {losses}  {speed:.1f} images/s")

    def close(self) -> None:
        self.progress.close()
        with write_errors_named(self.run.metrics), self.file, write_errors_named(self.run.tensorboard):
            self.tensorboard.close()
