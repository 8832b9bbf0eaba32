"""The kind of training that is scored on other images as it goes, and whose best weights are published."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.data.layout import DatasetLayout
from common.engine.checkpoint import canonical, checkpoint_step, latest_checkpoint
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.errors import DataError, NonFiniteError
from common.files import write_json, write_torch
from common.method.settings import with_values
from common.method.training import Training
from common.records import read_record, require_kind

REDO_VALIDATION = "delete it and run the training again"


@dataclass(frozen=True, kw_only=True, eq=False)
class ValidatedTraining(Training):
    """A training that stops after every few epochs to score its network; a killed one continues.

    What it publishes are the weights of the lowest score, not the last ones.

    Attributes:
        validates: settings -> whether there are images to score it on; without them the last weights are published.
        scores: (settings, network in eval mode, device) -> values by name; the first one decides, the lower the better.
        stop_setting: dotted setting of the step after which a run stops.
        every: settings -> epochs between two scores.
    """

    validates: Callable[[Any], bool]
    scores: Callable[[Any, nn.Module, torch.device], Mapping[str, float]]
    stop_setting: str
    every: Callable[[Any], int]

    def run(self, settings: Any) -> int:
        layout = self.layout(settings)
        if not self.validates(settings) or self.other_file(settings, layout):
            return super().run(settings)
        n_samples = self.count(settings, layout)
        engine = self.engine(settings, n_samples)
        interval = self.every(settings) * engine.steps_per_epoch(n_samples)
        ends = [*range(interval, engine.end_step, interval), engine.end_step]
        if not settings.force:
            # Weights of earlier epochs are gone; a stop between a checkpoint and its score is made good.
            ends = [end for end in ends if end >= self.last_step(settings)]
        for end in ends:
            if settings.force or str(end) not in self.known_scores(settings):
                again = settings.force and end == ends[0]
                super().run(with_values(settings, {self.stop_setting: end, "force": again}))
        return 0

    def last_step(self, settings: Any) -> int:
        """The step of the last checkpoint, 0 where there is none."""
        latest = latest_checkpoint(self.run_folder(settings).checkpoints)
        return checkpoint_step(latest) if latest else 0

    def publish(
        self, settings: Any, layout: DatasetLayout, network: nn.Module, engine: EngineConfig, session: Session
    ) -> None:
        """Score the network; write it where it is the best so far."""
        if not self.validates(settings):
            super().publish(settings, layout, network, engine, session)
            return
        was_training = network.training
        scores = dict(self.scores(settings, network.eval(), session.device))
        network.train(was_training)
        session.on_main(lambda: self.keep_best(settings, layout, network, engine.end_step, scores))

    def keep_best(
        self, settings: Any, layout: DatasetLayout, network: nn.Module, step: int, scores: dict[str, float]
    ) -> None:
        """Add the scores of a step to the others; write the weights where they are the best so far.

        Raises:
            NonFiniteError: a score is not finite.
        """
        assert self.published is not None
        said = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        if not all(math.isfinite(value) for value in scores.values()):
            raise NonFiniteError(
                f"validation after step {step}: {said}; lower the learning rate, or use precision fp32"
            )
        known = {end: values for end, values in self.known_scores(settings).items() if int(end) < step}
        first = next(iter(scores))
        best = all(scores[first] < values[first] for values in known.values())
        print(f"validation after step {step}: {said}{', best' if best else ''}")
        if best:
            write_torch(self.published.path(settings, layout), canonical(network.state_dict()))
        write_json(self.scores_file(settings), {**known, str(step): scores})

    def scores_file(self, settings: Any) -> Path:
        return self.folder(settings) / "validation.json"

    def known_scores(self, settings: Any) -> dict[str, dict[str, float]]:
        """Scores by step, of the validations so far."""
        file = self.scores_file(settings)
        known = read_record(file, {}, REDO_VALIDATION) if file.is_file() else {}
        for step in known:
            if not (step.isascii() and step.isdecimal()):
                raise DataError(f"{file}: {step!r} is no step; {REDO_VALIDATION}")
            require_kind(known, step, "dict[str, float]", str(file), REDO_VALIDATION)
        return known
