"""The kind of stage that trains: the one assembly of session, run folder, network, data, optimiser, schedule and loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import default_collate

from common.config import config_to_dict, picked
from common.data.layout import DatasetLayout
from common.data.sampling import SeededDataset
from common.engine.checkpoint import canonical, load_model_state
from common.engine.contents import contents_of_dataset
from common.engine.engine_form import settled
from common.engine.loading import Collate
from common.engine.losses import StepFunction
from common.engine.optimizer import backbone_and_head_rules, optimizer_by_rules
from common.engine.randomness import seed_everything
from common.engine.run_folder import RunFolder
from common.engine.schedules import Schedule, build_schedule
from common.engine.session import Session, start_session
from common.engine.settings import FREE_TO_CHANGE, EngineConfig
from common.engine.train import train
from common.errors import CheckpointError
from common.files import write_torch
from common.method.published import Published
from common.method.requirements import Requirement, required_files
from common.method.settings import without_initial_weights
from common.method.stage import Stage
from common.method.trained_with import begin_anew, images_left_out, settings_of_training, summary_of_training
from common.models.backbones import describe_weights
from common.models.frozen import fold_frozen_batchnorm
from common.models.weights import file_fingerprint, load_weights, read_state_dict

# Sections that decide a trained network in every method; what a method adds, it names.
SECTIONS = ("data", "split", "backbone", "engine", "optimizer", "schedule")


def head_and_backbone_optimizer(settings: Any, network: nn.Module) -> torch.optim.Optimizer:
    """The optimiser of the settings; the module ``head`` learns faster than the backbone."""
    rules = backbone_and_head_rules("head", settings.optimizer.head_lr_multiplier)
    return optimizer_by_rules(settings.optimizer, network, rules)


def fold_if_frozen(settings: Any, network: nn.Module) -> None:
    """Fold the backbone's BatchNorm layers into their convolutions where their statistics stay as they are."""
    if settings.backbone.freeze_batchnorm:
        fold_frozen_batchnorm(network)


@dataclass(frozen=True, kw_only=True, eq=False)
class Training(Stage):
    """Train a network, or continue where a stopped training was.

    Every callable takes the method's settings and hands on values: networks, losses and samples do not know them.

    Attributes:
        network: (settings, dataset) -> the network with its initial weights.
        step: (settings, network) -> ``(network, batch) -> losses``.
        data: (settings, dataset) -> samples.
        n_samples: (settings, dataset) -> how many samples, where that is cheaper to say than to build them.
        optimizer: (settings, network) -> optimiser over the network's groups.
        schedule: (settings, engine) -> factor of the rates by step.
        engine: (settings, number of samples) -> how long and how the loop runs.
        decides: settings (dotted) and sections that decide the trained network.
        free: dotted settings that may change between a stopped run and its continuation.
        collate: settings -> how samples become a batch.
        prepare: (settings, network), once the optimiser has the parameters: e.g. fold frozen BatchNorm layers.
        after: the training of the same method whose end this one starts from, in place of initial weights.
        taught_by: trainings of the same method behind the labels that this one learns from; results count their steps too.
        learns_from: settings -> folders of other stages whose files it learns from: images that these failed with are left out.
        published: the file written at the end.
        initial_weights: settings -> where the network starts from, in words.
        usual_samples: settings -> how many samples to plan with where the dataset is not there; 0 for those of ``data``.
        noise: (settings with this training's engine, number of classes) -> a made-up batch; None for that of the method's bench.
        summary: (settings with this training's engine, number of samples, device) -> what is printed first.
    """

    network: Callable[[Any, DatasetLayout], nn.Module]
    step: Callable[[Any, nn.Module], StepFunction]
    data: Callable[[Any, DatasetLayout], SeededDataset]
    name: str = "train"
    n_samples: Callable[[Any, DatasetLayout], int] | None = None
    optimizer: Callable[[Any, nn.Module], torch.optim.Optimizer] = head_and_backbone_optimizer
    schedule: Callable[[Any, EngineConfig], Schedule] = lambda settings, engine: build_schedule(
        settings.schedule, engine.max_steps
    )
    engine: Callable[[Any, int], EngineConfig] = lambda settings, n_samples: settings.engine
    decides: Collection[str] = SECTIONS
    free: Collection[str] = FREE_TO_CHANGE
    collate: Callable[[Any], Collate] = lambda settings: default_collate
    prepare: Callable[[Any, nn.Module], None] = lambda settings, network: None
    after: Training | None = None
    taught_by: Collection[Training] = ()
    learns_from: Callable[[Any], Sequence[Path]] = lambda settings: ()
    published: Published | None = None
    initial_weights: Callable[[Any], str] = lambda settings: describe_weights(settings.backbone)
    usual_samples: Callable[[Any], int] = lambda settings: 0
    noise: Callable[[Any, int], dict[str, Any]] | None = None
    summary: Callable[[Any, int, torch.device], str] = summary_of_training

    def run(self, settings: Any) -> int:
        """Train to the end of the settings' steps.

        Raises:
            ConfigError: the settings contradict each other, or the run that is there.
            DataError: the dataset is not there.
            CheckpointError: the initial weights, or the training before, are missing or do not fit.
        """
        if self.left_out(settings):
            print(f"{self.name}: left out by the settings")
            return 0
        layout, decisive = self.layout(settings), self.decisive(settings)
        other = self.other_file(settings, layout)
        if other is not None and not settings.force:
            print(f"{self.name}: {other} is given, nothing is trained (--force trains all the same)")
            return 0
        data = self.data(settings, layout)
        engine, run = self.engine(settings, len(data)), self.run_folder(settings)
        with start_session(engine.device) as session, session.writing(run.path):
            seed_everything(engine.seed)
            # Before the folder is begun: weights that are not there or do not fit leave it as it was.
            network = self.initial_network(settings, layout, len(data)).train()
            published = None if self.published is None else self.published.path(settings, layout)
            data_of_run = contents_of_dataset(layout, getattr(settings, "split", "train"), decisive)
            begin = partial(run.begin, decisive, free=self.free, contents=data_of_run, classes=layout.classes)
            session.on_main(lambda: begin_anew(run, begin, published) if settings.force else begin())
            optimizer = self.optimizer(settings, network)
            self.prepare(settings, network)
            summary = self.summary(dataclasses.replace(settings, engine=engine), len(data), session.device)
            said = "\n".join(filter(None, (summary, images_left_out(data, self.learns_from(settings)))))
            if said and session.is_main:
                print(said)
            step, schedule = self.step(settings, network), self.schedule(settings, engine)
            engine = settled(engine, network, step, data, run, session, self.collate(settings))
            train(network, step, data, optimizer, schedule, engine, run, session, decisive, self.collate(settings))
            self.publish(settings, layout, network, engine, session)
        return 0

    def requirements(self, settings: Any) -> list[Requirement]:
        return [*super().requirements(settings), *map(required_files, self.learns_from(settings))]

    def run_folder(self, settings: Any) -> RunFolder:
        return RunFolder(self.folder(settings))

    def left_out(self, settings: Any) -> bool:
        return self.last(settings) is not self

    def last(self, settings: Any) -> Training:
        """This training, or the one before it where the settings leave this one out."""
        return self if self.after is None or self.in_chain(settings) else self.after.last(settings)

    def count(self, settings: Any, layout: DatasetLayout) -> int:
        """Number of samples."""
        return len(self.data(settings, layout)) if self.n_samples is None else self.n_samples(settings, layout)

    def decisive(self, settings: Any) -> dict[str, Any]:
        """The settings that decide the trained network."""
        return picked(config_to_dict(settings), self.decides)

    def initial_network(self, settings: Any, layout: DatasetLayout, n_samples: int) -> nn.Module:
        """The network as this training starts from it."""
        if self.after is None:
            return self.network(settings, layout)
        # The checkpoint covers every tensor, so the initial weights need not be at hand any more.
        network = self.network(without_initial_weights(settings), layout)
        before = self.after.last(settings)
        other = before.other_file(settings, layout)
        if other is not None:
            before.load_published(settings, network, other)
            return network
        checkpoint = before.checkpoint(settings, n_samples)
        load_weights(network, load_model_state(checkpoint), source=str(checkpoint))
        return network

    def other_file(self, settings: Any, layout: DatasetLayout) -> Path | None:
        """Somebody else's trained network in the place of this training's, None where there is none."""
        begun = self.run_folder(settings).config.is_file()
        return self.published.other_file(settings, layout, begun) if self.published else None

    def load_published(self, settings: Any, network: nn.Module, path: Path) -> None:
        """Read the published form into a network."""
        if self.published is not None and self.published.load is not None:
            self.published.load(settings, network, path)
        else:
            load_weights(network, read_state_dict(path, network), source=str(path))

    def checkpoint(self, settings: Any, n_samples: int) -> Path:
        """The checkpoint of the finished training.

        Raises:
            CheckpointError: there is none, or the training stopped earlier.
        """
        return self.run_folder(settings).finished_checkpoint(self.engine(settings, n_samples).end_step)

    def publish(
        self, settings: Any, layout: DatasetLayout, network: nn.Module, engine: EngineConfig, session: Session
    ) -> None:
        """Write the published form of a training that reached its end."""
        published = self.published
        if published is None or engine.end_step < engine.max_steps:
            return
        path = published.path(settings, layout)

        def write() -> None:
            if published.content is None:
                content: Mapping[str, Any] = load_model_state(
                    self.run_folder(settings).finished_checkpoint(engine.max_steps)
                )
            else:
                # The checkpoint's tensors are compact and on the CPU; the network's may be neither.
                content = canonical(published.content(settings, network, engine))
            write_torch(path, content)
            print(f"wrote {path}")

        session.on_main(write)

    def trained(self, settings: Any, layout: DatasetLayout, given: str = "") -> tuple[nn.Module, Path]:
        """The trained network in eval mode, and the file it was read from.

        Args:
            given: a file to use in place of this training's own.

        Raises:
            CheckpointError: the training is missing or unfinished, or the file is of another network.
        """
        build = self.network if self.published is None else self.published.network or self.network
        network = build(without_initial_weights(settings), layout)
        if self.published is None and not given:
            path = self.checkpoint(settings, self.count(settings, layout))
            load_weights(network, load_model_state(path), source=str(path))
            return network.eval(), path
        path = Path(given) if given else self.published_file(settings, layout)
        self.load_published(settings, network, path)
        return network.eval(), path

    def origin(self, settings: Any, layout: DatasetLayout, path: Path, given: bool = False) -> dict[str, Any]:
        """Where the network of ``path`` comes from: what outputs depend on, and what their scores have to say.

        Args:
            given: the file was named in place of this training's, and may be another one.

        Raises:
            ConfigError: the training had other settings than these.
        """
        own = self.published is not None and self.published.is_file(settings, layout, path)
        if (given and not own) or self.other_file(settings, layout) or not self.run_folder(settings).config.is_file():
            known = {"seed": 0, "steps": {"given network": 0}, "initial_weights": f"released {path.name}"}
        else:
            self.require_trained_with(settings)
            known = {
                "seed": self.run_folder(settings).recorded("engine.seed"),
                "steps": self.steps(settings, layout),
                "initial_weights": self.first_weights(settings, layout),
            }
        return {"sha256": file_fingerprint(path), **known}

    def require_trained_with(self, settings: Any) -> dict[str, Any]:
        """The settings of the training, if they are these; list and dataset may be others than in the training.

        Raises:
            ConfigError: they are not; the message names those that differ.
        """
        compared = {name: value for name, value in self.decisive(settings).items() if name not in ("data", "split")}
        return settings_of_training(self.run_folder(settings), compared, self.free)

    def steps(self, settings: Any, layout: DatasetLayout) -> dict[str, int]:
        """Optimiser steps of this training, of those before it and of those behind its labels."""
        before: dict[str, int] = {}
        for other in (*self.taught_by, *([] if self.after is None else [self.after])):
            first = other.last(settings)
            before |= {"given network": 0} if first.other_file(settings, layout) else first.steps(settings, layout)
        return {**before, self.name: self.engine(settings, self.count(settings, layout)).end_step}

    def first_weights(self, settings: Any, layout: DatasetLayout) -> str:
        """Where the first of this training and those before it started from, in words."""
        if self.after is None:
            return self.initial_weights(settings)
        first = self.after.last(settings)
        other = first.other_file(settings, layout)
        return f"released {other.name}" if other else first.first_weights(settings, layout)

    def published_file(self, settings: Any, layout: DatasetLayout) -> Path:
        """The published form of the trained network, or somebody else's in its place.

        Raises:
            CheckpointError: the training was not run, or not to its end.
        """
        assert self.published is not None
        path = self.other_file(settings, layout) or self.published.path(settings, layout)
        if not path.is_file():
            raise CheckpointError(f"no trained network {path}; run the stage {self.name} first, to its end")
        return path
