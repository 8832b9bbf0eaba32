"""The dense CRF inside the training: refined probabilities, with a gradient rule of its own (sgan spec, section 3.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from common.crf.inference import Engine, dense_crf
from common.crf.presets import PRESETS, CrfSettings

SCALE = 12.0
SMALLEST_PROBABILITY = 1e-4


def training_crf(scale: float = SCALE) -> CrfSettings:
    """SEC's constants on an image reduced by about ``scale``."""
    return PRESETS["sec"].scaled(scale)


def refined_probabilities(
    probabilities: Tensor,
    images: Tensor,
    floor: float = SMALLEST_PROBABILITY,
    settings: CrfSettings | None = None,
    engine: Engine = "auto",
) -> Tensor:
    """The CRF's q, raised to at least ``floor`` and normalised again; carries no gradient.

    As published, the probabilities themselves are the negative energies, not their logarithms: energies lie within -1..0,
    so that the image decides far more than in testing.

    Args:
        probabilities: float32, N x C x h x w; raised to ``floor`` first.
        images: uint8, N x h x w x 3, BGR.
    """
    if not torch.isfinite(probabilities).all():
        # Into the loss with them: there the training loop names the step and the images.
        return probabilities.detach()
    energies = -probabilities.detach().float().clamp(min=floor)
    refined = dense_crf(images, energies, settings or training_crf(), engine)
    raised = refined.clamp(min=floor)
    return raised / raised.sum(1, keepdim=True)


class CrfLayer(torch.autograd.Function):
    """``(p, images) -> log q``, and back: (1 - q) times the gradient of log q, as if q stood where p does in a softmax.

    The mean field itself is not differentiated.
    """

    @staticmethod
    def forward(context: Any, probabilities: Tensor, images: Tensor, settings: CrfSettings, engine: Engine) -> Tensor:
        refined = refined_probabilities(probabilities, images, settings=settings, engine=engine)
        context.save_for_backward(refined)
        return refined.log()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (refined,) = context.saved_tensors
        return (1 - refined) * gradient, None, None, None


def log_refined_probabilities(
    probabilities: Tensor, images: Tensor, settings: CrfSettings | None = None, engine: Engine = "auto"
) -> Tensor:
    """log q of :func:`refined_probabilities` with the published gradient.

    Args:
        probabilities: float32, N x C x h x w.
        images: uint8, N x h x w x 3, BGR.
    """
    log_refined: Tensor = CrfLayer.apply(probabilities, images, settings or training_crf(), engine)
    return log_refined
