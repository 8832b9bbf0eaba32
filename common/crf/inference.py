"""Mean field in a fully connected CRF with Gaussian edges (Kraehenbuehl and Koltun, 2011)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from common.crf.lattice import lattice_mean_field
from common.crf.presets import CrfSettings
from common.crf.torch_engine import torch_mean_field
from common.errors import ConfigError, DataError

Engine = Literal["auto", "pydensecrf", "torch"]

ENGINES = {"pydensecrf": lattice_mean_field, "torch": torch_mean_field}


def resolve_engine(engine: Engine = "auto") -> str:
    """The name of the engine that :func:`dense_crf` uses, for the record of a result: ``pydensecrf`` or ``torch``.

    ``auto`` is pydensecrf where it is installed (Python < 3.13) and torch elsewhere. That choice does not show in the
    results: the engines give the same label in at least 99.9 % of the pixels and probabilities within 2e-3 (usually
    all labels and 1e-5, as the lattice is the same).

    Raises:
        ConfigError: an unknown name.
    """
    if engine not in get_args(Engine):
        raise ConfigError(f"CRF engine {engine!r} is unknown; use one of {', '.join(get_args(Engine))}.")
    if engine != "auto":
        return engine
    return "pydensecrf" if find_spec("pydensecrf") else "torch"


def dense_crf(
    image: npt.NDArray[np.uint8],
    unary: npt.NDArray[np.float32],
    settings: CrfSettings,
    engine: Engine = "auto",
) -> npt.NDArray[np.float32]:
    """Probabilities Q after ``settings.iterations`` mean-field steps; the label is their argmax over axis 0.

    Args:
        image: uint8 HxWx3, 0..255. The order of the channels matters a little (RGB or BGR, about 1 % of the labels), as
            the lattice is not isotropic: deeplab and sec pass BGR, the CAM and label presets RGB.
        unary: float32 [C, H, W] energies of :mod:`common.crf.unary`.
        engine: what computes it, see :func:`resolve_engine`.

    Returns:
        float32 [C, H, W], sums to 1 over C.

    Raises:
        DataError: types or sizes do not fit, or the energies are not finite.
        ConfigError: an unknown engine, or pydensecrf asked for where it is not installed.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"CRF image is {image.dtype} {image.shape}; expected uint8 height x width x 3.")
    if unary.dtype != np.float32 or unary.ndim != 3 or unary.shape[1:] != image.shape[:2] or unary.size == 0:
        raise DataError(
            f"CRF energies are {unary.dtype} {unary.shape} for an image {image.shape}; expected float32 [C, H, W]."
        )
    if not np.isfinite(unary).all():
        raise DataError("CRF energies hold NaN or infinite numbers; look at the network or maps they come from.")
    mean_field = ENGINES[resolve_engine(engine)]
    return mean_field(np.ascontiguousarray(image), np.ascontiguousarray(unary), settings)
