"""A trained network with all that ``predict`` does around it as one module of tensors, for programs without this toolbox.

Sizes are computed from the input in ways that :func:`torch.jit.trace` follows, so that what it records takes images of any size.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from common.crf.unary import SMALLEST_PROBABILITY
from common.errors import ConfigError
from deeplabv2.image_forms import OnCanvas, SummedScales
from deeplabv2.inference import ImageForm, Squares, WholeImages
from deeplabv2.networks.deeplab import add_up
from deeplabv2.resize import enlarge_maps, resize_aligned
from deeplabv2.samples import InputConvention, InputTensors

# OpenCV's fixed-point numbers when it resizes 8-bit images: weights in 1/2048, and what is cut off after each axis.
WEIGHT_ONE = 2048
AFTER_ROWS = 16
AFTER_COLUMNS = 65536


class PortableModel(nn.Module):
    """Images, uint8 RGB N x H x W x 3, to probabilities, float32 N x C x H x W, and labels, uint8 N x H x W.

    Args:
        network: normalised images -> logits, in eval mode.
        convention: the network's input.
        form: how ``predict`` applies it.

    Raises:
        ConfigError: a form that only the toolbox itself can apply.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, network: nn.Module, convention: InputConvention, form: ImageForm) -> None:
        super().__init__()
        require_portable(form)
        self.network, self.form = network, form
        self.reverses = convention.order == "BGR"
        tensors = InputTensors(convention.rounded if isinstance(form, Squares) else convention)
        self.register_buffer("scale", torch.from_numpy(tensors.scale)[:, None, None])
        self.register_buffer("shift", torch.from_numpy(tensors.shift)[:, None, None])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        size = images.shape[1:3]
        pixels = images.permute(0, 3, 1, 2)
        if isinstance(self.form, Squares):
            probabilities = self.of_squares(self.form, pixels.float(), size)
        else:
            probabilities = self.of_whole_images(self.form, pixels, size)
        return probabilities, probabilities.argmax(1).to(torch.uint8)

    def normalised(self, pixels: Tensor) -> Tensor:
        """RGB N x 3 x h x w in 0..255 to the network's input."""
        ordered = pixels.flip(1) if self.reverses else pixels
        return ordered.float() * self.scale + self.shift

    def of_whole_images(self, form: WholeImages, pixels: Tensor, size: torch.Size) -> Tensor:
        """As :class:`WholeImages`: softmax at the size that the network sees, then enlarged."""
        if form.long_side:
            longer = larger(size[0], size[1])
            seen = [larger(form.long_side * side // longer, 1) for side in size]
            pixels = resized_as_opencv(pixels, seen[0], seen[1])
        probabilities = enlarge_maps(form.mean_logits(self.network, self.normalised(pixels)), pixels.shape[2:]).softmax(
            1
        )
        return enlarge_maps(probabilities, size) if form.long_side else probabilities

    def of_squares(self, form: Squares, pixels: Tensor, size: torch.Size) -> Tensor:
        """As :class:`Squares`: the logits of all inputs, summed at image size."""
        whole = cast("tuple[int, int]", tuple(size))
        squares = [self.normalised(resize_aligned(pixels, (side, side))) for side in form.sides]
        summed = add_up([resize_aligned(self.network(square), whole) for square in squares])
        return summed.softmax(1).clamp(min=SMALLEST_PROBABILITY)


def require_portable(form: ImageForm) -> None:
    """Raise :class:`ConfigError` where a form needs more than operations on tensors."""
    if isinstance(form, SummedScales):
        raise ConfigError(
            "test.summed resizes by Pillow's bicubic filter, which an exported model does not have: add --test.summed false "
            "--scales [1.0], or the scales you want averaged"
        )
    if isinstance(form, OnCanvas):
        raise ConfigError("test.canvas is for images of limited size; an exported model takes any: add --test.canvas 0")
    if isinstance(form, Squares) and form.edge != "repaired":
        raise ConfigError("test.edge published keeps a rounding error of scipy: add --test.edge repaired to export")


def larger(first: int, second: int) -> int:
    """The larger of two sizes; while it is recorded, of whatever sizes there will be."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined]
        return cast(int, torch.maximum(torch.as_tensor(first), torch.as_tensor(second)))
    return max(first, second)


def resized_as_opencv(pixels: Tensor, height: int, width: int) -> Tensor:
    """uint8 N x 3 x H x W at another size to the bit as OpenCV's bilinear resize of 8-bit images makes them, int32.

    Interpolation in float32 would differ by a grey level in an eighth of the pixels: OpenCV computes in whole numbers, and cuts off.
    """
    above, below, upper, lower = neighbours(pixels.shape[2], height)
    left, right, first, second = neighbours(pixels.shape[3], width)

    def row(which: Tensor) -> Tensor:
        levels = pixels.index_select(2, which).int()
        summed = levels.index_select(3, left) * first + levels.index_select(3, right) * second
        return cut_off(summed, AFTER_ROWS)

    columns = cut_off(row(above) * upper[:, None], AFTER_COLUMNS) + cut_off(row(below) * lower[:, None], AFTER_COLUMNS)
    return cut_off(columns + 2, 4)


def neighbours(length: int, new_length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of every new position the two old ones it lies between, int64, and their weights of :data:`WEIGHT_ONE`, int32."""
    # While they are recorded, lengths are tensors, whose quotient would be float32.
    step = torch.as_tensor(length).double() / torch.as_tensor(new_length).double()
    position = ((torch.arange(new_length, dtype=torch.float64) + 0.5) * step - 0.5).float()
    before = position.floor()
    share = position - before
    first = before.long()
    second = (share * WEIGHT_ONE).round().int()
    other = ((1 - share) * WEIGHT_ONE).round().int()
    return first.clamp(0, length - 1), (first + 1).clamp(0, length - 1), other, second


def cut_off(numbers: Tensor, divisor: int) -> Tensor:
    """Whole numbers, not negative, divided and rounded down."""
    return torch.div(numbers, divisor, rounding_mode="trunc")
