"""The kind of stage that turns a trained network into saliency maps: ``<id>.png`` of every listed image, 8-bit grey, image size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import device as Device
from torch import nn
from torch.nn import functional

from common.data.dataset import ListedImages, Part
from common.data.layout import DatasetLayout
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.engine.inference import OutputFolder, images_to_files, same_size_groups
from common.engine.session import start_session
from common.errors import NonFiniteError
from common.files import atomic_write
from common.method.maps import Compute, Load, Write, no_more
from common.method.stage import Stage, inside
from common.method.training import Training


class NormalisedImages:
    """``id -> sample`` in worker processes: ``image`` (float32, 3 x h x w, normalised) and ``size`` (height, width) of the file.

    Args:
        images: with ``read``.
        side: the image is resized to a square of this side; 0 leaves it as it is.
    """

    def __init__(self, images: ListedImages, side: int) -> None:
        self.images, self.side, self.to_tensors = images, side, ToTensors()

    def __call__(self, image_id: str) -> Sample:
        image = self.images.read(image_id)["image"]
        size = image.shape[:2]
        if self.side:
            image = cv2.resize(image, (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        return {"image": self.to_tensors.image(image), "size": size}


class SaliencyInference:
    """``[sample] -> [map]`` (float32, H x W of the file, 0..1) of a network that gives logits N x 1 x h x w."""

    def __init__(self, network: nn.Module, device: Device) -> None:
        self.network, self.device = network.to(device), device

    def __call__(self, samples: list[Sample]) -> list[Any]:
        return same_size_groups(samples, self.of_one_size)

    @torch.inference_mode()
    def of_one_size(self, samples: list[Sample]) -> list[npt.NDArray[np.float32]]:
        logits = self.network(torch.stack([sample["image"] for sample in samples]).to(self.device)).float()
        size = samples[0]["size"]
        maps = functional.interpolate(logits.sigmoid(), size, mode="bilinear", align_corners=False)[:, 0]
        if not torch.isfinite(maps).all():
            raise NonFiniteError("the saliency maps hold NaN or infinite values; check the training")
        return list(maps.cpu().numpy())


def write_grey(path: Path, saliency: npt.NDArray[np.floating]) -> None:
    """A map H x W in 0..1 as 8-bit grey PNG, rounded to the nearest of 0..255."""
    picture = Image.fromarray(np.rint(255 * np.clip(saliency, 0, 1)).astype(np.uint8))
    atomic_write(path, partial(picture.save, format="PNG"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Saliency(Stage):
    """Compute the saliency map of every image of the list with a trained network; what is complete is skipped.

    The training may be on another dataset than the images: it says so in its slot ``layout``.

    Attributes:
        training: whose end gives the network.
        checkpoint: settings -> a file to use in place of that; empty for none.
        side: settings -> the side to which images are resized for the network, a square; 0 for their own size.
        load: (settings, images) -> ``id -> sample`` with ``size``, in worker processes; None for the image at ``side``.
        compute: (settings, network, device) -> ``[sample] -> [map]``.
        write: the writer of a map.
        parts: what of an image is read besides its pixels.
        decides: settings -> what the maps depend on besides network, images and ``side``.
        batch_size: settings -> images of one call.
    """

    training: Training
    name: str = "saliency"
    checkpoint: Callable[[Any], str] = lambda settings: ""
    side: Callable[[Any], int] = lambda settings: 0
    load: Callable[[Any, ListedImages], Load] | None = None
    compute: Callable[[Any, nn.Module, Device], Compute] = lambda settings, network, device: SaliencyInference(
        network, device
    )
    write: Write = write_grey
    parts: Collection[Part] = ()
    decides: Callable[[Any], dict[str, Any]] = no_more
    batch_size: Callable[[Any], int] = lambda settings: 8
    folder: Callable[[Any], Path] = field(default_factory=partial(inside, "saliency"))

    def run(self, settings: Any) -> int:
        """Write the maps.

        Raises:
            CheckpointError: the training is not finished, or is of other settings.
            ConfigError: the folder holds maps made otherwise.
        """
        layout, given = self.layout(settings), self.checkpoint(settings)
        trained_on = layout if given else self.training.layout(settings)
        ids = layout.ids(settings.split)
        images = ListedImages(layout, ids, self.parts)
        with start_session(settings.engine.device) as session:
            network, path = self.training.trained(settings, trained_on, given)
            record = {
                "network": self.training.origin(settings, trained_on, path, given=bool(given)),
                "images": str(layout.images),
                "split": settings.split,
                "side": self.side(settings),
                **self.decides(settings),
            }
            report = images_to_files(
                ids,
                self.load(settings, images) if self.load else NormalisedImages(images, self.side(settings)),
                self.write,
                OutputFolder(self.folder(settings), ".png", record, settings.force),
                session,
                compute=self.compute(settings, network, session.device),
                batch_size=self.batch_size(settings),
                workers=settings.engine.workers,
                title=self.name,
            )
        return report.exit_status(self.name)

    def dataset(self, settings: Any) -> DatasetLayout:
        """The dataset with these maps for its saliency maps: the slot ``layout`` of the stages that look at them."""
        return dataclasses.replace(self.layout(settings), saliency=self.folder(settings))
