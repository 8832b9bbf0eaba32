"""A trained network on whole images, in the steps that run in different processes: load, network, probabilities, label map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from common.data.images import read_image
from common.data.sampling import Sample
from common.errors import DataError, NonFiniteError
from common.models.fold import fold_batchnorm
from deeplabv2.samples import InputConvention

Floats = npt.NDArray[np.float32]
# What the scores of an image's own labels gain where its tags are given: more than a probability can be.
TAG_BONUS = 1.0


class Prediction(NamedTuple):
    """What a network says about one image.

    Attributes:
        image: the image's file.
        size: height and width of the image in pixels.
        logits: float32, C x h x w, at the network's resolution: of every input that the form makes.
        label_map: uint8, H x W at image size, or None where nobody asked for it.
        tags: 0/1, C - 1, of the image's classes where only these are allowed, else None.
    """

    image: Path
    size: tuple[int, int]
    logits: list[np.ndarray]
    label_map: np.ndarray | None = None
    tags: np.ndarray | None = None


@dataclass(frozen=True)
class Form(ABC):
    """How a network is applied to an image. Small and picklable: it travels to the processes that finish predictions.

    Attributes:
        precision: fp32, bf16 or fp16.
        scales: factors of the image that the network sees; none where its inputs have sizes of their own.
    """

    precision: str
    scales: tuple[float, ...] = ()
    # Whether BatchNorm is computed inside the convolutions before it.
    folds_batchnorm: ClassVar[bool] = True

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Everything that logits depend on besides the checkpoint, as plain values for ``stage.json``."""

    @abstractmethod
    def shown(self, image: np.ndarray) -> np.ndarray:
        """The image, uint8 RGB H x W x 3, at the size at which the network sees it where that keeps its aspect ratio."""

    @abstractmethod
    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        """Network inputs, float32 3 x h x w, of an image as :meth:`shown` gives it."""

    @abstractmethod
    def predict(
        self, network: nn.Module, device: torch.device, samples: Sequence[Sample], label_maps: bool
    ) -> list[Prediction]:
        """Predictions of samples of :class:`NetworkInput`, on ``device``; with label maps where these are asked for and cheap."""

    @abstractmethod
    def probabilities(self, logits: Sequence[np.ndarray], size: tuple[int, int]) -> Floats:
        """C x H x W in 0..1 at ``size``, from the logits of a prediction."""


class NetworkInput:
    """``id -> sample``; runs in worker processes.

    A sample holds ``id``, ``path`` (the image's file), ``inputs`` (float32, 3 x h x w), ``size`` (height and width of the file)
    and ``tags`` (or None).

    Args:
        path_of: ``id -> file``.
        pyramid: scales that the network adds by itself.
        tags: id -> 0/1 of the classes, where only these are allowed.
    """

    def __init__(
        self,
        path_of: Callable[[str], Path],
        convention: InputConvention,
        form: Form,
        pyramid: Sequence[float] = (),
        tags: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        self.path_of, self.convention, self.form, self.pyramid, self.tags = (
            path_of,
            convention,
            form,
            pyramid,
            tags or {},
        )

    def __call__(self, image_id: str) -> Sample:
        path = self.path_of(image_id)
        image = read_image(path)
        shown = self.form.shown(image)
        self.require_pixels(path, shown)
        inputs = self.form.inputs(shown, self.convention)
        size = image.shape[:2]
        return {"id": image_id, "path": path, "inputs": inputs, "size": size, "tags": self.tags.get(image_id)}

    def require_pixels(self, path: Path, shown: np.ndarray) -> None:
        """Raise :class:`DataError` where a scale would leave nothing of the image."""
        side = min(shown.shape[:2])
        for scale in self.form.scales:
            for factor in (1.0, *self.pyramid):
                if int(int(side * scale) * factor) < 1:
                    raise DataError(
                        f"{path} is {shown.shape[1]}x{shown.shape[0]} pixels: nothing of it is left at scale {scale * factor:g}"
                    )


class Predictor:
    """``[sample of NetworkInput] -> [Prediction]``.

    Args:
        network: images -> logits, in eval mode.
        label_maps: also make the label maps, on ``device``.
    """

    def __init__(self, form: Form, network: nn.Module, device: torch.device, label_maps: bool = False) -> None:
        self.form, self.device, self.label_maps = form, device, label_maps
        self.network = (fold_batchnorm(network) if form.folds_batchnorm else network).to(device)

    @torch.inference_mode()
    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        predictions = self.form.predict(self.network, self.device, samples, self.label_maps)
        wrong = [
            sample["id"]
            for sample, prediction in zip(samples, predictions, strict=True)
            if not all(np.isfinite(logits).all() for logits in prediction.logits)
        ]
        if wrong:
            raise NonFiniteError(
                f"the network gives NaN or infinite logits for {', '.join(wrong)}; its training went wrong, or "
                f"engine.precision {self.form.precision} is too small for it: try fp32"
            )
        return predictions


def largest_label(scores: Floats, tags: np.ndarray | None = None) -> npt.NDArray[np.uint8]:
    """The label with the highest score, uint8 H x W.

    Args:
        scores: probabilities C x H x W.
        tags: 0/1, C - 1, of the image: then the labels are background and these alone.
    """
    if tags is not None:
        bonus = TAG_BONUS * np.concatenate([[1], tags]).astype(np.float32)
        scores = scores + bonus[:, None, None]
    return scores.argmax(0).astype(np.uint8)
