"""The saliency network as stages: train it on saliency datasets, make maps of any images with it (sod_wsss spec, sections 5, 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from common.data.layout import DatasetLayout
from common.data.sampling import Sample, SeededDataset
from common.data.toy import ToyConfig, make_saliency_dataset
from common.engine.optimizer import optimizer_by_rules
from common.engine.schedules import Schedule, build_schedule, decay_steps
from common.engine.settings import FREE_TO_CHANGE, EngineConfig
from common.errors import ConfigError, NonFiniteError
from common.method.published import Published
from common.method.saliency import Saliency
from common.method.stage import dataset_of
from common.method.validated import ValidatedTraining
from common.models.fold import fold_batchnorm
from common.models.winograd import use_winograd
from sod_wsss.saliency_data import (
    SaliencyAugmentation,
    SaliencyImages,
    SaliencyLayout,
    SaliencySquares,
    open_saliency_data,
    saliency_tensors,
)
from sod_wsss.saliency_encoders import build_encoder, describe_encoder
from sod_wsss.saliency_losses import SaliencyStep, validation_scores
from sod_wsss.saliency_network import SaliencyNetwork, load_saliency_network, saliency_rules

MIN_MAX_EPSILON = 1e-8
# Scenes of their own: no image of the toy set is among them.
TOY_SALIENCY = ToyConfig(n_train=300, seed=100)
# What a finished training writes into its folder, without and with validation images.
LAST_FILE, BEST_FILE = Path("ckpt", "last.pth"), Path("ckpt", "Best_mae_test.pth")


def map_of_logits(logits: Tensor, size: tuple[int, int], min_max: bool) -> Tensor:
    """Logits N x 1 x h x w to saliency N x H x W in 0..1: enlarged, then the sigmoid.

    Args:
        size: H and W.
        min_max: stretch every map to 0..1, as published: no map is empty then, not even of an image without an object.
    """
    enlarged = interpolate(logits.float(), size, mode="bilinear", align_corners=False)[:, 0].sigmoid()
    if not min_max:
        return enlarged
    least, most = enlarged.amin((1, 2), keepdim=True), enlarged.amax((1, 2), keepdim=True)
    return (enlarged - least) / (most - least + MIN_MAX_EPSILON)


class SaliencyMaps:
    """``[sample] -> [map]`` (float32, H x W of the file, 0..1); all squares pass the network together.

    Args:
        network: gives logits N x 1 x S x S by its method ``saliency``.
        min_max: as :func:`map_of_logits`.
        mirrored: logits are averaged with those of the mirror image.
    """

    def __init__(self, network: nn.Module, device: torch.device, min_max: bool, mirrored: bool) -> None:
        folded: Any = fold_batchnorm(network)
        if device.type == "cpu":
            folded = use_winograd(folded)
        folded.to(device).to(memory_format=torch.channels_last)
        self.network: Callable[[Tensor], Tensor] = folded.saliency
        self.device, self.min_max, self.mirrored = device, min_max, mirrored

    @torch.inference_mode()
    def __call__(self, samples: list[Sample]) -> list[npt.NDArray[np.float32]]:
        images = torch.stack([sample["image"] for sample in samples])
        images = images.to(self.device).to(memory_format=torch.channels_last)
        logits = self.network(images).float()
        if self.mirrored:
            logits = (logits + self.network(images.flip(-1)).float().flip(-1)) / 2
        if not torch.isfinite(logits).all():
            raise NonFiniteError("the saliency maps hold NaN or infinite values; check the training")
        return [
            map_of_logits(one[None], sample["size"], self.min_max)[0].cpu().numpy()
            for one, sample in zip(logits, samples, strict=True)
        ]


def saliency_dataset(settings: Any) -> DatasetLayout:
    """The datasets of the saliency network; the method's own where a trained network is given and they are not needed."""
    sod = settings.sod
    return dataset_of(settings) if sod.given_network else open_saliency_data(sod.train_root, sod.texture, sod.left_out)


class SaliencyTraining(ValidatedTraining):
    """Makes the generated dataset where nobody has made it yet."""

    def run(self, settings: Any) -> int:
        root = Path(settings.sod.train_root)
        if settings.data.dataset == "toy" and settings.sod.train_root and not root.is_dir():
            make_saliency_dataset(root, TOY_SALIENCY)
        return super().run(settings)


def saliency_images(settings: Any, layout: DatasetLayout) -> SeededDataset:
    """Images with masks and, where there are any, edge maps."""
    if not isinstance(layout, SaliencyLayout):
        raise ConfigError("sod.given_network is a trained network; leave it out to train one")
    sod = settings.sod
    # With worker processes each of them keeps the images that it has read.
    images = SaliencyImages(layout, layout.ids("train"), in_memory=sod.cache != "no")
    return SeededDataset(images, SaliencyAugmentation(sod.square_side, sod.inputs), settings.engine.seed)


def has_validation(settings: Any) -> bool:
    return bool(settings.sod.val_root or settings.sod.left_out)


def validation_batches(settings: Any) -> Iterator[Sample]:
    """The images left out, or those of ``sod.val_root``, as the published validation sees them."""
    sod = settings.sod
    layout = open_saliency_data(sod.val_root) if sod.val_root else saliency_dataset(settings)
    assert isinstance(layout, SaliencyLayout)
    images = SaliencyImages(layout, layout.ids("train" if sod.val_root else "val"))
    for start in range(0, len(images), sod.batch_size):
        samples = [images[place] for place in range(start, min(start + sod.batch_size, len(images)))]
        pictures = [{name: Image.fromarray(one[name]) for name in ("image", "saliency")} for one in samples]
        made = [saliency_tensors(one, sod.square_side, validation=True) for one in pictures]
        yield {name: torch.stack([one[name] for one in made]) for name in ("image", "saliency")}


def trained_file(settings: Any) -> Path:
    """What the training publishes: its best weights where it validates, else its last."""
    return saliency_folder(settings) / (BEST_FILE if has_validation(settings) else LAST_FILE)


def saliency_network(settings: Any, layout: DatasetLayout) -> nn.Module:
    sod = settings.sod
    encoder = build_encoder(sod.encoder, sod.square_side)
    return SaliencyNetwork(encoder, sod.square_side)


def saliency_engine(settings: Any, n_images: int) -> EngineConfig:
    """The section's own engine over its epochs, on the device of the others."""
    engine: EngineConfig = settings.sod.engine
    return engine.over_epochs(settings.sod.epochs, n_images).beside(settings.engine)


def saliency_schedule(settings: Any, engine: EngineConfig) -> Schedule:
    """The decay epochs on top of the section's schedule."""
    per_epoch = engine.steps_per_epoch(len(saliency_dataset(settings).ids("train")))
    return build_schedule(settings.sod.schedule, engine.max_steps, decay_steps(settings.sod.decay_epochs, per_epoch))


def saliency_folder(settings: Any) -> Path:
    """``<log_path>/AnyNet-<backbone>``, as published but without the time, so that the next call continues it."""
    sod = settings.sod
    return Path(sod.log_path) / f"AnyNet-{sod.encoder.name}" if sod.log_path else Path(settings.out) / "sod"


def summary_of_saliency(settings: Any, n_images: int, device: torch.device) -> str:
    engine, sod = settings.engine, settings.sod
    datasets = ", ".join(name or Path(sod.train_root).name for name in saliency_dataset(settings).folders)  # type: ignore[attr-defined]
    return (
        f"Train the saliency network on {device}: {sod.encoder.name} at {sod.square_side} pixels, {n_images} images of {datasets}, "
        f"{engine.max_steps} steps of {engine.batch_size}"
    )


SOD = SaliencyTraining(
    name="sod",
    text="train the saliency network",
    layout=saliency_dataset,
    folder=saliency_folder,
    network=saliency_network,
    step=lambda settings, network: SaliencyStep(settings.sod.bce_weighting, settings.sod.edges),
    data=saliency_images,
    optimizer=lambda settings, network: optimizer_by_rules(
        settings.sod.optimizer, network, saliency_rules(settings.sod.optimizer.head_lr_multiplier)
    ),
    schedule=saliency_schedule,
    engine=saliency_engine,
    decides=("sod", "engine.seed"),
    free={
        *(f"sod.{name}" for name in FREE_TO_CHANGE),
        "sod.cache",
        "sod.given_network",
        "sod.log_path",
        "sod.min_max",
        "sod.mirrored",
        "sod.val_root",
        "sod.validate_every",
    },
    published=Published(
        lambda settings, layout: trained_file(settings),
        load=lambda settings, network, path: load_saliency_network(network, path),
        given=lambda settings: settings.sod.given_network,
    ),
    initial_weights=lambda settings: describe_encoder(settings.sod.encoder),
    validates=has_validation,
    # DUTS-TR, which the paper trains on.
    usual_samples=lambda settings: TOY_SALIENCY.n_train if settings.data.dataset == "toy" else 10553,
    scores=lambda settings, network, device: validation_scores(network, validation_batches(settings), device),
    stop_setting="sod.engine.stop_at",
    every=lambda settings: settings.sod.validate_every,
    summary=summary_of_saliency,
)
SALIENCY = Saliency(
    training=SOD,
    text="saliency maps of the list, with the trained saliency network",
    checkpoint=lambda settings: settings.sod.given_network,
    side=lambda settings: settings.sod.square_side,
    load=lambda settings, images: SaliencySquares(images, settings.sod.square_side),
    compute=lambda settings, network, device: SaliencyMaps(
        network, device, settings.sod.min_max, settings.sod.mirrored
    ),
    decides=lambda settings: {"min_max": settings.sod.min_max, "mirrored": settings.sod.mirrored},
    batch_size=lambda settings: settings.sod.batch_size,
)
