"""What every backbone offers: channels, stages, freezing; and the arithmetic of strides, dilations and widths."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from common.errors import ConfigError

OUTPUT_STRIDES = (4, 8, 16, 32)
BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)

BackboneType = TypeVar("BackboneType", bound="Backbone")


class Backbone(nn.Module):
    """A fully convolutional feature extractor: images ``[N, 3, H, W]`` to features ``[N, out_channels, h, w]``.

    ``h = ceil(H / output_stride)``, ``w`` likewise. Input is RGB / 255, normalised with ImageNet's mean and standard
    deviation. Subclasses set ``out_channels`` and ``output_stride`` and implement ``stages`` and ``forward``; those that
    give the features of every stage also set ``stage_channels`` and implement ``stage_outputs``.
    """

    out_channels: int
    output_stride: int
    stage_channels: tuple[int, ...] = ()
    """Channels of each tensor of ``stage_outputs``; empty for a backbone without."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen_stages = 0
        self.batchnorm_frozen = False

    @property
    def stages(self) -> list[nn.Module]:
        """The parts of the network in order of execution; together they hold every parameter once."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images float32 N x 3 x H x W to features N x out_channels x h x w."""
        raise NotImplementedError

    def stage_outputs(self, images: Tensor) -> list[Tensor]:
        """Normalised images float32 N x 3 x H x W to the features after each of the stages, the last as from ``forward``.

        Raises:
            ConfigError: this backbone gives its last features only.
        """
        self.require_stage_outputs()
        raise NotImplementedError

    def require_stage_outputs(self) -> None:
        """Raise :class:`ConfigError` where this backbone gives its last features only."""
        if not self.stage_channels:
            raise ConfigError(
                f"{type(self).__name__} gives its last features only; use a ResNet, a ResNeSt or a MobileNetV2."
            )

    def freeze(self, stages: int = 0, batchnorm: bool = False) -> None:
        """Fix the parameters and BatchNorm statistics of the first ``stages`` stages; lasts through ``train()``.

        With ``batchnorm`` all other BatchNorm layers keep their running statistics too and normalise with them in
        training; their weight and bias still learn.

        Raises:
            ConfigError: ``stages`` is negative or larger than the number of stages.
        """
        n_stages = len(self.stages)
        if not 0 <= stages <= n_stages:
            raise ConfigError(
                f"frozen_stages is {stages}, but this backbone has {n_stages} stages: use 0 to {n_stages}."
            )
        self.frozen_stages = stages
        self.batchnorm_frozen = batchnorm
        for stage in self.stages[:stages]:
            stage.requires_grad_(False)
        self.train(self.training)

    def train(self: BackboneType, mode: bool = True) -> BackboneType:
        """As ``nn.Module.train``, except that frozen BatchNorm layers stay in eval mode."""
        super().train(mode)
        frozen_parts: list[nn.Module] = [self] if self.batchnorm_frozen else self.stages[: self.frozen_stages]
        for part in frozen_parts:
            freeze_batchnorm_statistics(part)
        return self


def freeze_batchnorm_statistics(module: nn.Module) -> None:
    """Put every BatchNorm layer of ``module`` in eval mode (until the next ``train()`` of that layer)."""
    for layer in module.modules():
        if isinstance(layer, BATCH_NORMS):
            layer.eval()


class LayerStride(NamedTuple):
    """How one layer (a group of blocks that begins with a stride) is to be built."""

    stride: int
    """Stride of the layer's first convolution."""
    first_dilation: int
    """Dilation of that first convolution: its input still has the sampling of the layer before."""
    dilation: int
    """Dilation of all other convolutions of the layer."""


def plan_strides(strides: Sequence[int], output_stride: int, dilate: bool = True) -> list[LayerStride]:
    """Replace the strides beyond ``output_stride`` by dilation.

    The dilated network computes what the strided one computes, at more positions: its output subsampled equals the
    strided output. (The convention of torchvision's ``replace_stride_with_dilation``.)

    Args:
        strides: the strides of the network's layers in order, each 1 or 2, product at least ``output_stride``.
        output_stride: input size divided by feature size, one of 4, 8, 16, 32.
        dilate: False drops those strides without dilation. Such a network no longer equals the strided one, so weights of
            that one do not suit it, but it sees fine detail when it is trained from scratch on small images.

    Raises:
        ConfigError: another output stride.
    """
    if output_stride not in OUTPUT_STRIDES:
        raise ConfigError(f"output_stride is {output_stride}; use one of {', '.join(map(str, OUTPUT_STRIDES))}.")
    plan = []
    reached, dilation = 1, 1
    for stride in strides:
        if reached < output_stride:
            reached *= stride
            plan.append(LayerStride(stride, dilation, dilation))
        else:
            next_dilation = dilation * stride if dilate else 1
            plan.append(LayerStride(1, dilation, next_dilation))
            dilation = next_dilation
    return plan


def scaled_channels(channels: int, width: float) -> int:
    """``channels * width`` as a multiple of 8, at least 8 and at least 90 % of the product (MobileNet's rule).

    Raises:
        ConfigError: ``width`` is not positive.
    """
    if not width > 0:
        raise ConfigError(f"width is {width}; it has to be above 0 (1.0 is the published network).")
    exact = channels * width
    rounded = max(8, int(exact + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * exact else rounded + 8


def initialise_convolutions(module: nn.Module) -> None:
    """He initialisation (normal, fan-out) of all convolutions, zero biases, as torchvision does."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def change_classes(
    network: nn.Module, classes: Mapping[type[nn.Module], type[nn.Module]], suits: Callable[[nn.Module], bool]
) -> int:
    """Let the layers that ``suits`` accepts do their work in another way, in place; names and values of all tensors stay.

    Args:
        classes: class of a layer -> what it becomes; other classes are left alone, those derived from these too.

    Returns:
        How many layers.
    """
    layers = [layer for layer in network.modules() if type(layer) in classes and suits(layer)]
    for layer in layers:
        layer.__class__ = classes[type(layer)]
    return len(layers)
