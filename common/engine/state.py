"""Everything a training carries from one step to the next, and its way to disk and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.engine.checkpoint import CONTINUE, checkpoint_step, latest_checkpoint, load_checkpoint, save_checkpoint
from common.engine.run_folder import RunFolder
from common.engine.session import Session
from common.engine.settings import EngineConfig
from common.errors import CheckpointError


class TrainingState:
    """Model, optimiser, loss scaler, step, metric history and the losses not yet averaged into a record."""

    def __init__(
        self,
        run: RunFolder,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        config: EngineConfig,
        session: Session,
        settings: Mapping[str, Any],
    ) -> None:
        self.run, self.model, self.optimizer, self.scaler = run, model, optimizer, scaler
        self.config, self.session, self.settings = config, session, settings
        self.step = 0
        self.saved_step = -1
        self.history: list[dict[str, Any]] = []
        self.pending: dict[str, list[float]] = {}

    @classmethod
    def restore(
        cls,
        run: RunFolder,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        config: EngineConfig,
        session: Session,
        settings: Mapping[str, Any],
    ) -> TrainingState:
        """The state of the run folder's newest checkpoint, or a fresh one.

        Raises:
            CheckpointError: the checkpoint belongs to another network or optimiser, or the processes see different ones.
        """
        state = cls(run, model, optimizer, scaler, config, session, settings)
        newest = latest_checkpoint(run.checkpoints)
        require_same_everywhere(newest, session)
        if newest is None:
            return state
        content = load_checkpoint(newest)
        try:
            require_own_types(content["model"], model, newest)
            model.load_state_dict(content["model"])
            optimizer.load_state_dict(content["optimizer"])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            first_lines = " ".join(str(error).split())[:300]
            raise CheckpointError(f"{newest} belongs to another network or optimiser: {first_lines}") from error
        if scaler.is_enabled() and content["scaler"]:
            scaler.load_state_dict(content["scaler"])
        state.step = state.saved_step = content["step"]
        state.history, state.pending = content["history"], content["pending"]
        if session.is_main:
            print(f"continuing {run.path} at step {state.step}")
        return state

    def finish_step(self, values: Mapping[str, float]) -> None:
        """Count the step and remember its losses."""
        self.step += 1
        for name, value in values.items():
            self.pending.setdefault(name, []).append(value)

    def take_means(self) -> dict[str, float]:
        """Mean of each loss since the last call."""
        means = {name: sum(values) / len(values) for name, values in self.pending.items()}
        self.pending = {}
        return means

    def save(self) -> None:
        """Write a checkpoint of the current step, unless it is already there.

        The main process writes while the others wait, so that none runs ahead of a checkpoint that fails.
        """
        if self.saved_step != self.step:
            self.session.on_main(self._write)
        self.saved_step = self.step

    def _write(self) -> None:
        content = {
            "seed": self.config.seed,
            "config": dict(self.settings),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "history": self.history,
            "pending": self.pending,
        }
        save_checkpoint(self.run.checkpoints, self.step, content, self.config.keep_last)

    def last_saved(self) -> str:
        """A sentence for error messages: which checkpoint is the last, and where it lies."""
        if self.saved_step < 0:
            return "No checkpoint was written yet."
        return f"The last checkpoint is that of step {self.saved_step} in {self.run.checkpoints}."


def require_own_types(state: Mapping[str, torch.Tensor], model: nn.Module, checkpoint: Path) -> None:
    """Raise :class:`CheckpointError` where a tensor has another type than the network's, which torch would convert in silence."""
    for name, own in model.state_dict().items():
        if name in state and state[name].dtype != own.dtype:
            raise CheckpointError(
                f"{checkpoint}: {name} is {state[name].dtype}, the network's is {own.dtype}. {CONTINUE}"
            )


def require_same_everywhere(checkpoint: Path | None, session: Session) -> None:
    """Raise :class:`CheckpointError` unless all processes found the checkpoint that the main process found."""
    step = checkpoint_step(checkpoint) if checkpoint else -1
    mains = int(session.sum(torch.tensor(float(step) if session.is_main else 0.0)))
    if session.any(step != mains):
        raise CheckpointError(
            "the processes do not see the same checkpoints; the run folder must lie on storage that all machines share"
        )
