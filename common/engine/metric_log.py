"""Where a training's numbers go: metrics.jsonl, TensorBoard, one line on the console, the checkpoint's history."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from common.engine.run_folder import RunFolder, keep_records_until


class MetricLog:
    """Averages the losses of the steps since the last record and writes one record.

    Args:
        run: where to write.
        history: records of the run so far (from the checkpoint), continued in place.
        step: the step the training starts at.
        end_step: the last step, for the progress bar.
        images_per_step: for the speed.
    """

    def __init__(
        self, run: RunFolder, history: list[dict[str, Any]], step: int, end_step: int, images_per_step: int
    ) -> None:
        keep_records_until(run.metrics, step)
        self.history = history
        self.images_per_step = images_per_step
        self.file = run.metrics.open("a", encoding="utf-8")
        self.tensorboard = SummaryWriter(str(run.tensorboard), purge_step=step + 1 if step else None)
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
        self.file.write(
            json.dumps({**record, "images_per_second": round(speed, 2), "time": round(time.time(), 2)}) + "\n"
        )
        self.file.flush()
        for name, value in values.items():
            if math.isfinite(value):
                self.tensorboard.add_scalar(f"loss/{name}", value, step)
        for name, rate in rates.items():
            self.tensorboard.add_scalar(f"lr/{name}", rate, step)
        self.tensorboard.add_scalar("speed/images_per_second", speed, step)
        losses = " ".join(f"{name} {value:.4f}" for name, value in values.items())
        self.progress.write(f"step {step}/{self.progress.total}  {losses}  {speed:.1f} images/s")

    def close(self) -> None:
        self.progress.close()
        self.tensorboard.close()
        self.file.close()
