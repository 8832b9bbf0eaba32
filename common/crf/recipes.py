"""Every use of the dense CRF in the reference repositories, by name (deeplabv2 spec, section 12.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from common.crf.presets import PRESETS, CrfSettings
from common.crf.unary import SOFTMAX, unary_from_labels, unary_from_negated, unary_from_probabilities
from common.data.value_ranges import require_unit_range
from common.errors import ConfigError

Unary = Literal["probabilities", "labels", "negated", "log"]


@dataclass(frozen=True)
class CrfRecipe:
    """How a repository uses the CRF.

    Attributes:
        settings: the constants; a scale factor is worked in.
        unary: what the energies are made of: ``probabilities`` -log(clip(p, smallest, 1)); ``labels`` hard labels with
            ``gt_prob``; ``negated`` -max(p, smallest), without a logarithm; ``log`` -log(p), no clipping.
        channels: order of the image's channels.
        smallest: lower bound of the probabilities.
        gt_prob: how far hard labels are trusted.
        all_labels: hard labels share the doubt with all classes of the data set, not only with those of the image.
        of_softmax: the probabilities are those of all labels of a network and sum to 1; scores of maps and their background do not.
        note: what else the published code does there.
    """

    settings: CrfSettings
    unary: Unary
    channels: Literal["RGB", "BGR"] = "RGB"
    smallest: float = 1e-5
    gt_prob: float = 0.7
    all_labels: bool = False
    of_softmax: bool = True
    note: str = ""

    def energies(self, values: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Energies float32 [C, H, W] of probabilities or scores [C, H, W], for the recipes that start from such.

        Raises:
            ConfigError: the recipe starts from hard labels.
            DataError: NaN or infinite values, or values outside 0..1.
        """
        if self.unary == "labels":
            raise ConfigError("this CRF recipe starts from hard labels; use label_energies, or another recipe")
        if self.unary == "probabilities":
            return unary_from_probabilities(values, self.smallest)
        require_unit_range(values, "the CRF's input", "probabilities", SOFTMAX)
        if self.unary == "log":
            with np.errstate(divide="ignore"):
                return unary_from_negated(np.log(values))
        return unary_from_negated(np.maximum(values, np.float32(self.smallest)))

    def energies_of_logits(self, logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """:meth:`energies` of the softmax of logits [C, H, W] over the labels."""
        scores = torch.from_numpy(np.asarray(logits, np.float32))
        if self.unary == "log":
            # The logarithm of a softmax that is zero in float32 would be infinite.
            return unary_from_negated(scores.log_softmax(0).numpy())
        return self.energies(scores.softmax(0).numpy())

    def label_energies(
        self, labels: npt.NDArray[np.integer], n_labels: int, zero_unsure: bool = False
    ) -> npt.NDArray[np.float32]:
        """Energies of hard labels, as :func:`common.crf.unary.unary_from_labels`; ConfigError for other recipes."""
        if self.unary != "labels":
            raise ConfigError(f"this CRF recipe starts from {self.unary}, not from hard labels; use another recipe")
        return unary_from_labels(labels, n_labels, self.gt_prob, zero_unsure)

    def image(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The RGB image uint8 HxWx3 in the recipe's order of channels."""
        return rgb if self.channels == "RGB" else np.ascontiguousarray(rgb[..., ::-1])


DEEPLAB = CrfRecipe(PRESETS["deeplab"], "probabilities", "BGR")
CAM = CrfRecipe(PRESETS["cam"], "probabilities", of_softmax=False)
LABEL = CrfRecipe(PRESETS["label"], "labels")
SEC_TRAINING = CrfRecipe(PRESETS["sec"].scaled(12), "negated", "BGR", smallest=1e-4)

RECIPES: Mapping[str, CrfRecipe] = MappingProxyType(
    {
        # deeplab-pytorch, CLIMS, L2G with ResNet v2, the L2G+CDA thesis, I2CRC; their crf commands subtract the mean.
        "deeplab": DEEPLAB,
        "deeplab_crf_command": replace(DEEPLAB, note="image minus the mean, cast to uint8 modulo 256"),
        "drs": replace(DEEPLAB, note="mean subtracted and added back, truncated: some grey levels 1 too low"),
        "drs_deeplabv3plus": replace(
            DEEPLAB, channels="RGB", note="from float16 logits; image de-normalised, truncated"
        ),
        "l2g_resnet_v1": CrfRecipe(PRESETS["deeplab_largefov"], "probabilities", "BGR"),
        "l2g_vgg_v1": CrfRecipe(PRESETS["deeplab_largefov"], "probabilities", "BGR"),
        "l2g_vgg_v2": CrfRecipe(PRESETS["deeplab_vgg"], "probabilities", "BGR"),
        # [(1 - max)^alpha, maps] as probabilities; EPS compares with deeplab's constants in its paper.
        "cam": CAM,
        "eps": CAM,
        "eps_paper": CrfRecipe(PRESETS["deeplab"], "probabilities", of_softmax=False),
        "smaf_cam": CAM,
        "drs_cam": CAM,
        "cam_picture": replace(CAM, settings=replace(PRESETS["cam"], iterations=1), smallest=1e-7),
        # Hard labels of a background threshold.
        "label": LABEL,
        "irn_label": LABEL,
        "cda_label": LABEL,
        "advcam_label": LABEL,
        "clims_label": LABEL,
        "smaf": replace(LABEL, all_labels=True),
        "puzzlecam_label": replace(LABEL, settings=replace(PRESETS["label"], iterations=1)),
        # SEC, DSRG and SGAN.
        "sec": CrfRecipe(PRESETS["sec"], "log"),
        "sgan": CrfRecipe(PRESETS["sec"], "probabilities", note="softmax of the sum of the scores of all scales"),
        "sgan_training": replace(SEC_TRAINING, note="image reduced to 41 x 41; Q clamped at 1e-4 and normalised again"),
        "sgan_expansion": CrfRecipe(PRESETS["sec"].scaled(12), "log", "BGR", note="labels only where Q is 0.99"),
        "sgan_boundary": replace(SEC_TRAINING, channels="RGB", smallest=0.0),
        "sgan_scores": replace(SEC_TRAINING, channels="RGB", smallest=0.0),
        "dsrg_tools": CrfRecipe(CrfSettings(3, 3, 49, 5, 4), "log"),
        "dsrg_postprocess": CrfRecipe(PRESETS["sec"].scaled(6), "log", "BGR"),
    }
)


def crf_recipe(name: str) -> CrfRecipe:
    """The recipe of a name; raises :class:`ConfigError` with the known names."""
    if name not in RECIPES:
        raise ConfigError(f"CRF recipe {name!r} is unknown; use one of {', '.join(RECIPES)}.")
    return RECIPES[name]
