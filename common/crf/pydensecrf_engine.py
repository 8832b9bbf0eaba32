"""The published engine: pydensecrf, filtering on a permutohedral lattice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from common.crf.presets import CrfSettings
from common.errors import ConfigError


def pydensecrf_mean_field(
    image: npt.NDArray[np.uint8], unary: npt.NDArray[np.float32], settings: CrfSettings
) -> npt.NDArray[np.float32]:
    """Q float32 [C, H, W] in 0..1 of an image uint8 HxWx3 and energies float32 [C, H, W], both contiguous and writable."""
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
