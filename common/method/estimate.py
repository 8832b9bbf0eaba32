"""How long, how large: steps and images of a planned stage, the files that it leaves, and on request seconds and memory of a step."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from common.bench.steps import peak_gigabytes, time_training_steps
from common.bounds import declarations
from common.data.images import image_size
from common.data.sampling import SampleFailure, SampleKey
from common.engine.randomness import seed_everything
from common.engine.session import Session, choose_device
from common.engine.settings import EngineConfig
from common.engine.train import prepare_convolutions
from common.errors import ConfigError, DataError, ToolboxError
from common.method.bench import made_up_layout
from common.method.calls import working_in
from common.method.expected import ImageCount, count_classes, count_images_of, usable_layout
from common.method.labels import Labels
from common.method.maps import Maps, write_single_precision
from common.method.missing import data_of
from common.method.plan_of_chain import PlannedStage, trainer_stage
from common.method.registry import find_method
from common.method.saliency import Saliency
from common.method.segmentation import SEGMENTER
from common.method.settings import with_values
from common.method.steps import Batch
from common.method.training import Training

VALUE = 4
# Photographs of VOC and COCO: mean pixels, mean number of classes of an image. Other datasets are looked at.
TYPICAL = {"voc12": (1.8e5, 1.5), "vocaug": (1.8e5, 1.5), "coco14": (2.8e5, 2.9), "toy": (96.0 * 96, 1.6)}
LOOKED_AT = 50
# Bytes per pixel of a palette PNG with few regions.
LABEL_MAP_BYTES = 0.03
SALIENCY_BYTES = 0.3
TIMED_STEPS = 1


class Length(NamedTuple):
    """How long a training is: images of its list, optimiser steps, images of a pass, passes of a step."""

    images: ImageCount | None
    steps: int
    batch: int
    passes: int


def images_of(one: PlannedStage) -> ImageCount | None:
    """Images of the list that a stage works on."""
    split = one.split or (getattr(one.settings, "split", "train") if one.method != SEGMENTER else "train")
    with working_in(one.place):
        layout = None
        if isinstance(one.stage, Training):
            try:
                layout = one.stage.layout(one.settings)
                layout.ids(split)
            except ToolboxError:
                layout = None
            known = one.stage.usual_samples(one.settings)
            if layout is None and known:
                return ImageCount(known, assumed=True)
        return count_images_of(data_of(one), split, layout)


def length_of(one: PlannedStage) -> Length:
    """The length of a training, as it finds it out itself."""
    engine = engine_of(one)
    return Length(images_of(one), engine.end_step, engine.batch_size, engine.accumulate)


def engine_of(one: PlannedStage) -> EngineConfig:
    """How long and how its loop runs."""
    images = images_of(one)
    with working_in(one.place):
        return training_of(one).engine(one.settings, images.n if images else 1)


def training_of(one: PlannedStage) -> Training:
    assert isinstance(one.stage, Training)
    return one.stage


@dataclass(frozen=True)
class NetworkSize:
    """Size of a network: numbers in all its tensors, numbers that learn, and how many the optimiser keeps for each of these."""

    tensors: int
    learned: int
    kept_per_number: int

    @property
    def checkpoint(self) -> int:
        """Bytes of a checkpoint: network, and the optimiser's state of what learns."""
        return VALUE * (self.tensors + self.kept_per_number * self.learned)


def network_size(one: PlannedStage) -> NetworkSize | None:
    """Built without memory for its tensors where it can be; None where the number of classes is not known."""
    training = training_of(one)
    with working_in(one.place):
        n_classes = count_classes(data_of(one))
        if n_classes is None:
            return None
        settings, layout = without_weights(one.settings), made_up_layout(n_classes)
        try:
            with torch.device("meta"):
                network = training.network(settings, layout)
        except (RuntimeError, NotImplementedError, TypeError, ValueError):
            network = training.network(settings, layout)
        optimizer = training.optimizer(settings, network)
    learned = sum(p.numel() for group in optimizer.param_groups for p in group["params"] if p.requires_grad)
    momentum = any(group.get("momentum") for group in optimizer.param_groups)
    kept = int(momentum) if isinstance(optimizer, torch.optim.SGD) else 2
    return NetworkSize(sum(tensor.numel() for tensor in network.state_dict().values()), learned, kept)


def without_weights(settings: Any) -> Any:
    """The settings with networks that start at random: nothing is read or fetched."""
    named = [name for name, value, _ in declarations(settings) if name.rpartition(".")[2] == "weights" and value]
    return with_values(settings, dict.fromkeys(named, ""))


def kept_checkpoints(engine: EngineConfig) -> int:
    """How many checkpoints are there at the end of a training."""
    return min(engine.keep_last, math.ceil(engine.end_step / engine.save_every))


def bytes_of(one: PlannedStage) -> int | None:
    """Bytes of the files that a stage leaves; None where nobody knows.

    A training: its checkpoints, and the network once more as its published or final file. Maps: a number per pixel and class of an image
    (2 or 4 bytes). Label maps: 0.03 bytes per pixel; saliency maps: 0.3.
    """
    if isinstance(one.stage, Training):
        size = network_size(one)
        if size is None:
            return None
        engine = engine_of(one)
        return kept_checkpoints(engine) * size.checkpoint + VALUE * size.tensors * (one.stage.published is not None)
    images, typical = images_of(one) if one.split else None, typical_image(one)
    if images is None or typical is None:
        return None
    pixels, classes = typical
    if isinstance(one.stage, Maps):
        is_single = one.stage.write is write_single_precision or one.stage.suffix == ".npy"
        return round(images.n * pixels * classes * (VALUE if is_single else 2))
    if isinstance(one.stage, Saliency):
        return round(images.n * pixels * SALIENCY_BYTES)
    return round(images.n * pixels * LABEL_MAP_BYTES) if isinstance(one.stage, Labels) or one.stage is None else None


def typical_image(one: PlannedStage) -> tuple[float, float] | None:
    """Mean pixels and mean number of classes of an image of the dataset."""
    data = one.settings.data
    if data.dataset in TYPICAL:
        return TYPICAL[data.dataset]
    try:
        with working_in(one.place):
            layout = usable_layout(data_of(one))
            ids = layout.ids("train")[:LOOKED_AT]
            sizes = [image_size(layout.image_path(image_id), layout.upright) for image_id in ids]
            tags = layout.read_tags(ids)
    except DataError:
        return None
    return sum(h * w for h, w in sizes) / len(ids), sum(float(tags[image_id].sum()) for image_id in ids) / len(ids)


class StepCost(NamedTuple):
    """Seconds of one pass forward and backward with its update, gigabytes, and whether the batch is a made-up one."""

    seconds: float
    peak: float
    made_up: bool


def cost_of_step(method: str, stage: str, settings: Any, place: Path, steps: int = TIMED_STEPS) -> StepCost:
    """Time one step of a training at its own size, after one that is not timed; to be called in a process of its own.

    Args:
        method, stage: names of a planned training.
        settings: its settings.
        place: where their relative paths begin.
        steps: how many are timed.

    Raises:
        ConfigError: its batch can only be read from files that are not there.
    """
    training = trainer_stage() if method == SEGMENTER else find_method(method).stage(stage)
    assert isinstance(training, Training)
    one = PlannedStage("", stage, (), place, settings, training, method)
    engine = engine_of(one)
    with working_in(place):
        settings = without_weights(settings)
        session = Session(0, 1, choose_device(engine.device, 0))
        before = peak_gigabytes(session)
        seed_everything(engine.seed)
        batch, is_made_up = batch_of(one, training, settings, engine)
        n_classes = count_classes(data_of(one)) or 20
        network: nn.Module = training.network(settings, made_up_layout(n_classes)).to(session.device).train()
        optimizer = training.optimizer(settings, network)
        training.prepare(settings, network)
        prepare_convolutions(network, engine)
        step = training.step(settings, network)
        times = time_training_steps(network, step, batch, optimizer, engine, session, steps)
        return StepCost(times.seconds, max(peak_gigabytes(session) - before, 0.0), is_made_up)


def batch_of(one: PlannedStage, training: Training, settings: Any, engine: EngineConfig) -> tuple[Batch, bool]:
    """The first images of the training, or noise of the same form where they are not there."""
    try:
        data = training.data(settings, training.layout(settings))
        samples = [data[SampleKey(0, index)] for index in range(min(engine.batch_size, len(data)))]
        if len(samples) == engine.batch_size and not any(isinstance(sample, SampleFailure) for sample in samples):
            return training.collate(settings)(samples), False
    except ToolboxError:
        pass
    n_classes = count_classes(data_of(one)) or 20
    with_engine = dataclasses.replace(settings, engine=engine)
    if training.noise is not None:
        return training.noise(with_engine, n_classes), True
    method = find_method(one.method)
    if method.bench is None or method.bench.batch is None or training is not method.trainings[0]:
        raise ConfigError(
            f"{one.name} has no made-up batch; it can be timed once the files that it learns from are there"
        )
    return method.bench.batch(with_engine, n_classes), True
