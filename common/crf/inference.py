"""Mean field in a fully connected CRF with Gaussian edges (Kraehenbuehl and Koltun, 2011)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.crf.cpu_engine import cpu_mean_field
from common.crf.exact_engine import exact_mean_field
from common.crf.formula_widths import narrowed
from common.crf.presets import CrfSettings
from common.crf.tensor_engine import tensor_mean_field
from common.errors import ConfigError, DataError
from common.memory import ALWAYS_THERE, crf_bytes, free_memory, require_free_memory

Engine = Literal["auto", "pydensecrf", "torch", "formula", "exact"]
# Images uint8 [B, H, W, 3], energies float32 [B, S, C, H, W], settings -> Q of the energies' shape.
MeanField = Callable[[Tensor, Tensor, CrfSettings], Tensor]
Array = TypeVar("Array", npt.NDArray[np.float32], Tensor)


def resolve_engine(engine: Engine = "auto") -> str:
    """The name of the engine that :func:`dense_crf` uses, for the record of a result.

    ``exact`` adds up all pairs of pixels, for small images (:mod:`common.crf.exact_engine`); ``formula`` is torch with a colour kernel as
    wide as the formula says, where all lattices are wider (:mod:`common.crf.formula_widths`). ``auto`` is torch, the toolbox's own, which is everywhere the same and the fastest. It gives the label of pydensecrf in
    at least 99.9 % of the pixels and probabilities within 2e-3 (usually all labels and 1e-5, as the lattice is the same).

    Raises:
        ConfigError: an unknown name.
    """
    if engine not in get_args(Engine):
        raise ConfigError(f"CRF engine {engine!r} is unknown; use one of {', '.join(get_args(Engine))}.")
    return "torch" if engine == "auto" else engine


def dense_crf(
    image: npt.NDArray[np.uint8] | Tensor,
    unary: Array,
    settings: CrfSettings,
    engine: Engine = "auto",
    *,
    leave_out_below: float = 0.0,
) -> Array:
    """Probabilities Q after ``settings.iterations`` mean-field steps; the label is their argmax over the labels.

    Arrays and tensors give the like, on the device they are on. Gradients do not pass.

    ====================  ================  ===========================================
    image                 unary             meaning
    ====================  ================  ===========================================
    ``[H, W, 3]``         ``[C, H, W]``     one image
    ``[H, W, 3]``         ``[S, C, H, W]``  S energies of one image, on one lattice
    ``[B, H, W, 3]``      ``[B, C, H, W]``  a batch, computed together
    ====================  ================  ===========================================

    Args:
        image: uint8, 0..255. The order of the channels matters a little (RGB or BGR, about 1 % of the labels), as
            the lattice is not isotropic: deeplab and sec pass BGR, the CAM and label presets RGB.
        unary: float32 energies of :mod:`common.crf.unary`.
        engine: what computes it, see :func:`resolve_engine`.
        leave_out_below: an approximation for many labels: those whose probability by the energies alone is below this
            number (0..1) in the whole image are not computed. Only on the CPU, by the torch engine.

    Returns:
        float32, of the unary's shape; sums to 1 over the labels.

    Raises:
        DataError: types or sizes do not fit, or the energies are not finite.
        ConfigError: an unknown engine, one that does not work on the device or is not installed, or constants that are too
            small for the image.
    """
    name = resolve_engine(engine)
    check_fit(image, unary)
    # Tensors and arrays share what is used of them here.
    values: Any = unary
    on_device = isinstance(values, Tensor) and values.device.type != "cpu"
    if leave_out_below and (on_device or name != "torch" or not 0 <= leave_out_below < 1):
        raise ConfigError(
            f"leave_out_below = {leave_out_below} must be in 0..1, and works in the torch engine on the CPU only"
        )
    if on_device and name == "pydensecrf":
        raise ConfigError("the CRF engine pydensecrf computes on the CPU only; use engine torch, or move the tensors")
    if isinstance(values, Tensor):
        values = values.detach()
    q: Any
    if on_device:
        q = on_a_device(image, values, settings, ON_TENSORS[name])
    else:
        q = on_the_cpu(image, values, settings, name, leave_out_below)
        q = torch.from_numpy(q) if isinstance(values, Tensor) else q
    return q


def on_the_cpu(image: Any, unary: Any, settings: CrfSettings, engine: str, leave_out_below: float) -> Any:
    """As :func:`dense_crf`, an array, of arrays or tensors on the CPU."""
    height, width = unary.shape[-2:]
    n_sets = math.prod(unary.shape) // (unary.shape[-3] * height * width)
    needed = n_sets * crf_bytes(unary.shape[-3], height * width)
    if needed > ALWAYS_THERE:
        what = f"the dense CRF of {width}x{height} pixels and {unary.shape[-3]} labels"
        require_free_memory(
            needed,
            free_memory(),
            what,
            lambda share: f"reduce the image to {share * max(height, width):.0f} pixels or less, or leave the CRF out",
        )
    images, unaries = batched(np.asarray(image), np.asarray(unary))
    check_finite(unaries)
    if engine == "torch":
        q = cpu_mean_field(list(images), list(unaries), settings, leave_out_below)
    elif engine == "exact":
        q = list(exact_mean_field(torch.from_numpy(images), torch.from_numpy(unaries), settings).numpy())
    elif engine == "formula":
        q = [
            cpu_mean_field([one], [sets], narrowed(torch.from_numpy(one), settings))[0]
            for one, sets in zip(images, unaries, strict=True)
        ]
    else:
        q = [
            np.stack([pydensecrf_mean_field(one, each, settings) for each in sets])
            for one, sets in zip(images, unaries, strict=True)
        ]
    # Of one image without a copy.
    return (np.stack(q) if len(q) > 1 else q[0]).reshape(tuple(unary.shape))


def on_a_device(image: Any, unary: Tensor, settings: CrfSettings, mean_field: MeanField) -> Tensor:
    """As :func:`dense_crf`, a tensor; nothing is copied to the host, so values that are not finite are not looked for."""
    images, unaries = in_batch_form(image, unary)
    return mean_field(images, unaries, settings).reshape(unary.shape)


def formula_mean_field(images: Tensor, unaries: Tensor, settings: CrfSettings) -> Tensor:
    """:func:`tensor_mean_field` with the widths of :func:`narrowed`, which differ from image to image."""
    return torch.cat(
        [
            tensor_mean_field(one[None], sets[None], narrowed(one, settings))
            for one, sets in zip(images, unaries, strict=True)
        ]
    )


ON_TENSORS: dict[str, MeanField] = {
    "torch": tensor_mean_field,
    "formula": formula_mean_field,
    "exact": exact_mean_field,
}


def in_batch_form(image: Any, unary: Any) -> tuple[Any, Any]:
    """Images uint8 [B, H, W, 3] and energies float32 [B, S, C, H, W]."""
    if image.ndim == 4:
        return image, unary[:, None]
    return image[None], unary.reshape(1, -1, *unary.shape[-3:])


def batched(
    image: npt.NDArray[np.uint8], unary: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """:func:`in_batch_form`, contiguous and writable, as pydensecrf demands and the compiled functions expect."""
    images, unaries = in_batch_form(image, unary)
    return np.require(images, requirements=["C", "W"]), np.require(unaries, requirements=["C", "W"])


def check_fit(image: Any, unary: Any) -> None:
    """Types, sizes and devices.

    Raises:
        DataError: they do not fit.
    """
    if isinstance(image, Tensor) and isinstance(unary, Tensor) and image.device != unary.device:
        raise DataError(f"CRF image on {image.device} but energies on {unary.device}; put both on one device.")
    if isinstance(unary, Tensor) and unary.device.type != "cpu" and not isinstance(image, Tensor):
        raise DataError(f"CRF energies on {unary.device} need the image as a tensor there.")
    if str(image.dtype).removeprefix("torch.") != "uint8" or image.ndim not in (3, 4) or image.shape[-1] != 3:
        raise DataError(f"CRF image is {image.dtype} {tuple(image.shape)}; expected uint8 height x width x 3.")
    dimensions = (4,) if image.ndim == 4 else (3, 4)
    fits = (
        str(unary.dtype).removeprefix("torch.") == "float32"
        and unary.ndim in dimensions
        and tuple(unary.shape[-2:]) == tuple(image.shape[-3:-1])
        and (image.ndim == 3 or len(image) == len(unary))
        and 0 not in tuple(unary.shape)
    )
    if not fits:
        raise DataError(
            f"CRF energies are {unary.dtype} {tuple(unary.shape)} for an image {tuple(image.shape)}; expected float32 "
            "[C, H, W] ([B, C, H, W] for a batch)."
        )


def check_finite(unaries: npt.NDArray[np.float32]) -> None:
    """Raise :class:`DataError` if energies (float32, any shape) hold NaN or infinite numbers."""
    if not np.isfinite(unaries).all():
        raise DataError("CRF energies hold NaN or infinite numbers; look at the network or maps they come from.")


def pydensecrf_mean_field(
    image: npt.NDArray[np.uint8], unary: npt.NDArray[np.float32], settings: CrfSettings
) -> npt.NDArray[np.float32]:
    """The published engine: Q float32 [C, H, W] in 0..1 of an image uint8 HxWx3 and energies float32 [C, H, W], both contiguous and writable."""
    try:
        from pydensecrf.densecrf import DenseCRF2D
    except ImportError as error:
        raise ConfigError(
            f"the CRF engine pydensecrf cannot be imported ({error}); install it with: pip install pydensecrf2 "
            "(needs Python < 3.13), or use the engine torch."
        ) from error
    n_labels, height, width = unary.shape
    crf = DenseCRF2D(width, height, n_labels)
    crf.setUnaryEnergy(unary.reshape(n_labels, -1))
    crf.addPairwiseGaussian(sxy=settings.gaussian_sxy, compat=settings.gaussian_compat)
    crf.addPairwiseBilateral(
        sxy=settings.bilateral_sxy, srgb=settings.bilateral_srgb, rgbim=image, compat=settings.bilateral_compat
    )
    return np.array(crf.inference(settings.iterations), np.float32).reshape(unary.shape)
