"""A trained network on whole images, in the steps that run in different processes: load, network, probabilities, label map.

Two forms: :class:`WholeImages` as deeplab-pytorch tests, :class:`Squares` as SGAN and DSRG do (sgan spec, section 6.3). Both are
small and picklable: they travel to the processes that finish predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from common.crf.unary import SMALLEST_PROBABILITY, Floats
from common.data.images import read_image
from common.data.sampling import Sample
from common.data.transforms import ResizeLongSide
from common.engine.inference import same_size_groups
from common.engine.precision import autocast
from common.errors import ConfigError, DataError, NonFiniteError
from common.memory import MemoryLimit, segmentation_bytes
from common.models.fold import fold_batchnorm
from deeplabv2.resize import Edge, enlarge_maps, largest_enlarged, resize_aligned, resize_by
from deeplabv2.samples import InputConvention

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


def predictions(samples: Sequence[Sample], logits: Tensor, label_maps: bool) -> list[Prediction]:
    """Predictions of samples of one size, from their logits N x C x h x w."""
    maps: list[np.ndarray | None] = [None] * len(samples)
    if label_maps and samples[0]["tags"] is None:
        maps = list(largest_enlarged(logits, samples[0]["size"]).cpu().numpy())
    return [
        Prediction(sample["path"], sample["size"], [one], label_map, sample["tags"])
        for sample, one, label_map in zip(samples, logits.cpu().numpy(), maps, strict=True)
    ]


@dataclass(frozen=True)
class WholeImages:
    """One input per image, at its own size or scaled; images of one size pass the network together.

    Attributes:
        precision: fp32, bf16 or fp16.
        scales: factors of the image; the logits of all of them are averaged.
        long_side: longer side in pixels to which images are scaled first; 0 keeps their size.
        flip: average the logits with those of the mirror image.
    """

    precision: str
    scales: tuple[float, ...] = (1.0,)
    long_side: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        if not self.scales or min(self.scales) <= 0:
            raise ConfigError(f"test.scales is {list(self.scales)}; give positive factors, 1.0 alone as published")
        if self.long_side < 0:
            raise ConfigError(f"the longer side of images is {self.long_side}; give pixels, or 0 for their own size")

    def record(self) -> dict[str, Any]:
        """Everything that logits depend on besides the checkpoint, as plain values for ``stage.json``."""
        return {**asdict(self), "scales": list(self.scales)}

    def shown(self, image: np.ndarray) -> np.ndarray:
        """The image, uint8 RGB H x W x 3, at the size at which the network sees it."""
        return ResizeLongSide(self.long_side).to_size({"image": image})["image"] if self.long_side else image

    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        """Network inputs, float32 3 x h x w, of an image as :meth:`shown` gives it."""
        return [convention.image(shown)]

    def predict(
        self, network: nn.Module, device: torch.device, samples: Sequence[Sample], label_maps: bool
    ) -> list[Prediction]:
        """Predictions of samples of :class:`LoadInputs`; with label maps, made on ``device``, where these are asked for."""
        return same_size_groups(samples, partial(self.same_size, network, device, label_maps))

    def same_size(
        self, network: nn.Module, device: torch.device, label_maps: bool, samples: list[Sample]
    ) -> list[Prediction]:
        logits = self.mean_logits(network, torch.stack([sample["inputs"][0] for sample in samples]).to(device))
        return predictions(samples, logits, label_maps)

    def mean_logits(self, network: nn.Module, images: Tensor) -> Tensor:
        """The mean over scales and mirror images, float32 N x C x h x w at the resolution of the largest scale."""
        maps = [self.at_scale(network, images, scale) for scale in self.scales]
        finest = maps[self.scales.index(max(self.scales))]
        size = finest.shape[2:]
        return torch.stack([one if one is finest else enlarge_maps(one, size) for one in maps]).mean(0)

    def at_scale(self, network: nn.Module, images: Tensor, scale: float) -> Tensor:
        scaled = images if scale == 1 else resize_by(images, scale)
        with autocast(self.precision, images.device):
            logits: Tensor = network(scaled).float()
            if self.flip:
                logits = (logits + network(scaled.flip(3)).float().flip(3)) / 2
        return logits

    def probabilities(self, logits: Sequence[np.ndarray], size: tuple[int, int]) -> Floats:
        """Softmax over the labels of the bilinearly enlarged logits, float32 C x H x W."""
        probabilities: Floats = enlarge_maps(torch.from_numpy(logits[0])[None], size).softmax(1)[0].numpy()
        return probabilities


@dataclass(frozen=True)
class Squares:
    """Square inputs, aspect ratio not kept, whose logits are summed; the images of a batch share the passes.

    Attributes:
        precision: fp32, bf16 or fp16.
        sides: of the inputs, pixels.
        edge: see :func:`resize_aligned`.
    """

    precision: str
    sides: tuple[int, ...] = (321,)
    edge: Edge = "repaired"
    # Inputs have sizes of their own.
    scales = ()

    def __post_init__(self) -> None:
        if min(self.sides) < 1:
            raise ConfigError(f"inputs of {list(self.sides)} pixels cannot be segmented; correct test.squares")

    def record(self) -> dict[str, Any]:
        return {"sides": list(self.sides), "edge": self.edge, "precision": self.precision}

    def shown(self, image: np.ndarray) -> np.ndarray:
        return image

    def inputs(self, shown: np.ndarray, convention: InputConvention) -> list[Tensor]:
        pixels = torch.from_numpy(shown.transpose(2, 0, 1).astype(np.float32))[None]
        squares = [resize_aligned(pixels, (side, side), self.edge)[0].permute(1, 2, 0).numpy() for side in self.sides]
        return [convention.rounded.image(square) for square in squares]

    def predict(
        self, network: nn.Module, device: torch.device, samples: Sequence[Sample], label_maps: bool
    ) -> list[Prediction]:
        by_side = []
        for inputs in zip(*(sample["inputs"] for sample in samples), strict=True):
            with autocast(self.precision, device):
                by_side.append(network(torch.stack(inputs).to(device)).float().cpu().numpy())
        return [
            Prediction(sample["path"], sample["size"], list(logits), tags=sample["tags"])
            for sample, *logits in zip(samples, *by_side, strict=True)
        ]

    def probabilities(self, logits: Sequence[np.ndarray], size: tuple[int, int]) -> Floats:
        """Softmax over the summed logits, raised to 1e-5 and not normalised again, float32 C x H x W."""
        total = resize_aligned(torch.from_numpy(logits[0])[None], size, self.edge)[0]
        for one in logits[1:]:
            total = total + resize_aligned(torch.from_numpy(one)[None], size, self.edge)[0]
        raised: Floats = total.softmax(0).clamp(min=SMALLEST_PROBABILITY).numpy()
        return raised


ImageForm = WholeImages | Squares


@dataclass(frozen=True)
class LoadInputs:
    """``id -> sample``; runs in worker processes.

    A sample holds ``id``, ``path`` (the image's file), ``inputs`` (float32, 3 x h x w), ``size`` (height and width of the file)
    and ``tags`` (or None).

    Attributes:
        path_of: ``id -> file``.
        convention: the network's input.
        form: how the network is applied.
        pyramid: scales that the network adds by itself.
        tags: id -> 0/1 of the classes, where only these are allowed.
        upright: turn images as their EXIF orientation says.
        limit: an image that needs more memory than this is a :class:`DataError` that says what to set.
        n_labels: labels whose probabilities are made at the size of the image.
    """

    path_of: Callable[[str], Path]
    convention: InputConvention
    form: ImageForm
    pyramid: Sequence[float] = ()
    tags: Mapping[str, np.ndarray] = field(default_factory=dict)
    upright: bool = False
    limit: MemoryLimit = field(default_factory=MemoryLimit)
    n_labels: int = 0

    def __call__(self, image_id: str) -> Sample:
        path = self.path_of(image_id)
        image = read_image(path, self.upright)
        shown = self.form.shown(image)
        self.require_pixels(path, shown)
        self.require_memory(path, shown)
        inputs, size = self.form.inputs(shown, self.convention), image.shape[:2]
        return {"id": image_id, "path": path, "inputs": inputs, "size": size, "tags": self.tags.get(image_id)}

    def require_memory(self, path: Path, shown: np.ndarray) -> None:
        """Raise :class:`DataError` where the passes or the probabilities of the image (uint8 RGB H x W x 3) do not fit."""
        height, width = shown.shape[:2]
        scales = [scale * factor for scale in self.form.scales for factor in (1.0, *self.pyramid)]
        self.limit.require(
            *segmentation_bytes(height * width, scales, self.n_labels),
            f"{path}: the segmentation of {width}x{height} pixels",
            lambda share: f"set test.long_side (predict: --long-side) to {share * max(height, width):.0f} or less",
        )

    def require_pixels(self, path: Path, shown: np.ndarray) -> None:
        """Raise :class:`DataError` where a scale would leave nothing of the image (uint8 RGB H x W x 3)."""
        height, width = shown.shape[:2]
        for scale in self.form.scales:
            for factor in (1.0, *self.pyramid):
                if int(int(min(height, width) * scale) * factor) < 1:
                    raise DataError(
                        f"{path} is {width}x{height} pixels: nothing of it is left at scale {scale * factor:g}"
                    )


class Predictor:
    """``[sample of LoadInputs] -> [Prediction]``.

    Args:
        network: images -> logits, in eval mode.
        label_maps: also make the label maps, on ``device``.
    """

    def __init__(self, form: ImageForm, network: nn.Module, device: torch.device, label_maps: bool = False) -> None:
        self.form, self.device, self.label_maps = form, device, label_maps
        self.network = (fold_batchnorm(network) if isinstance(form, WholeImages) else network).to(device)

    @torch.inference_mode()
    def __call__(self, samples: Sequence[Sample]) -> list[Prediction]:
        predictions = self.form.predict(self.network, self.device, samples, self.label_maps)
        pairs = zip(samples, predictions, strict=True)
        wrong = [sample["id"] for sample, one in pairs if not all(np.isfinite(logits).all() for logits in one.logits)]
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
