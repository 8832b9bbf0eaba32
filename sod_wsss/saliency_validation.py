"""A training of the saliency network that keeps its best weights by the validation images' MAE (sod_wsss spec, sections 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.data.layout import DatasetLayout
from common.data.sampling import Sample
from common.engine.checkpoint import canonical, checkpoint_step, latest_checkpoint
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.errors import NonFiniteError
from common.files import read_json, write_json, write_torch
from common.method.settings import with_values
from common.method.training import Training


class ValidationScores(NamedTuple):
    """Attributes: mae: mean absolute error; soft_iou: of probabilities, both means over images."""

    mae: float
    soft_iou: float


def soft_iou(predicted: Tensor, target: Tensor) -> Tensor:
    """N x 1 x h x w in 0..1 each to N: sum of products over sum of both less the products."""
    common = (predicted * target).sum((1, 2, 3))
    return common / ((predicted + target).sum((1, 2, 3)) - common)


@torch.inference_mode()
def validation_scores(network: nn.Module, batches: Iterable[Sample], device: torch.device) -> ValidationScores:
    """Scores at the network's own size.

    Args:
        batches: with ``image`` N x 3 x S x S and ``saliency`` N x 1 x S x S.
    """
    was_training, errors, overlaps = network.training, [], []
    network.eval()
    for batch in batches:
        target = batch["saliency"].to(device)
        predicted = network(batch["image"].to(device)).maps[0].float().sigmoid()
        errors.append((predicted - target).abs().mean((1, 2, 3)).double())
        overlaps.append(soft_iou(predicted, target).double())
    network.train(was_training)
    scores = ValidationScores(float(torch.cat(errors).mean()), float(torch.cat(overlaps).mean()))
    if not scores.mae < float("inf"):
        raise NonFiniteError("the validation's MAE is not finite; lower sod.optimizer.lr, or use precision fp32")
    return scores


@dataclass(frozen=True, kw_only=True, eq=False)
class ValidatedTraining(Training):
    """A training that stops after every epoch to validate, and publishes its best weights; a killed one continues.

    Attributes:
        validates: settings -> whether there are validation images; without them the last weights are published.
        validation: settings -> their batches.
        stop_setting: dotted setting of the step after which a run stops.
        every: settings -> epochs between two validations.
    """

    validates: Callable[[Any], bool]
    validation: Callable[[Any], Iterable[Sample]]
    stop_setting: str
    every: Callable[[Any], int]

    def run(self, settings: Any) -> int:
        layout = self.layout(settings)
        if not self.validates(settings) or self.other_file(settings, layout):
            return super().run(settings)
        n_samples = self.count(settings, layout)
        engine = self.engine(settings, n_samples)
        interval, known = self.every(settings) * engine.steps_per_epoch(n_samples), self.known_scores(settings)
        for end in [*range(interval, engine.end_step, interval), engine.end_step]:
            if str(end) not in known or settings.force:
                super().run(
                    with_values(settings, {self.stop_setting: end, "force": settings.force and end <= interval})
                )
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
        scores = validation_scores(network, self.validation(settings), session.device)
        session.on_main(lambda: self.keep_best(settings, layout, network, engine.end_step, scores))

    def keep_best(
        self, settings: Any, layout: DatasetLayout, network: nn.Module, step: int, scores: ValidationScores
    ) -> None:
        assert self.published is not None
        known = {end: values for end, values in self.known_scores(settings).items() if int(end) < step}
        best = all(scores.mae < values["mae"] for values in known.values())
        print(
            f"validation after step {step}: MAE {scores.mae:.4f}, soft IoU {scores.soft_iou:.4f}{', best' if best else ''}"
        )
        if best:
            write_torch(self.published.path(settings, layout), canonical(network.state_dict()))
        write_json(self.scores_file(settings), {**known, str(step): scores._asdict()})

    def scores_file(self, settings: Any) -> Path:
        return self.folder(settings) / "validation.json"

    def known_scores(self, settings: Any) -> dict[str, dict[str, float]]:
        """Scores by step, of the validations so far."""
        file = self.scores_file(settings)
        known: dict[str, dict[str, float]] = read_json(file) if file.is_file() else {}
        return known
