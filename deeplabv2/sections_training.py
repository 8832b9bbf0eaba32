"""Sections of the YAML file that say which network is trained and how.

Keys are those of the published files (deeplabv2 spec, section 5.1) and, below them in each section, the toolbox's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from common.crf.inference import Engine
from common.crf.presets import CrfSettings
from common.models.backbones import BackboneConfig
from deeplabv2.networks.msc import ResizeConvention
from deeplabv2.sections_data import fill_blanks

LossName = Literal["ce", "balanced_ce", "focal", "self_training"]


def default_body() -> BackboneConfig:
    return BackboneConfig(name="resnet101", output_stride=8, freeze_batchnorm=True)


@dataclass
class Model:
    """The network.

    Args:
        NAME: one of the networks of deeplabv2/networks/registry.py; also a part of output paths. The published ones take
            BGR images minus IMAGE.MEAN; DeepLabV2_MSC is built on BODY and takes RGB images as ImageNet weights do.
        N_BLOCKS: blocks of the four layers of a published ResNet (3, 4, 23, 3); VGG networks ignore it.
        ATROUS_RATES: dilations of the head's branches; blank for the network's own, which networks with one branch keep.
        INIT_MODEL: checkpoint to start from; its body has to fit, its head is used if it fits. Blank for none.
        PRESET: i2crc replaces DeepLabV2_ResNet101_MSC by the network that I2CRC trains under this name, with its single
            parameter group and trained BatchNorm.
        BODY: feature extractor of DeepLabV2_MSC and its initial weights. Of the preset i2crc the weights alone.
        PYRAMID: scales of the multi-scale pyramid besides 1; empty for a single scale.
        PYRAMID_RESIZE: how the pyramid reduces images: current, or recomputed as PyTorch did before 1.6.
        LOSS_SIZE: map compares labels reduced to the logits' size (as published), image compares enlarged logits.
        FREEZE_HEAD: the head keeps its initial weights, as in the published code of L2G's DeepLabV1_ResNet101_MSC.
        FORCE_INIT: take what fits of an INIT_MODEL whose body does not fit as a whole.
    """

    NAME: str = "DeepLabV2_ResNet101_MSC"
    N_BLOCKS: list[int] | None = None
    ATROUS_RATES: list[int] | None = None
    INIT_MODEL: str | None = None
    PRESET: Literal["", "i2crc"] = ""
    BODY: BackboneConfig = field(default_factory=default_body)
    PYRAMID: list[float] = field(default_factory=lambda: [0.5, 0.75])
    PYRAMID_RESIZE: ResizeConvention = "current"
    LOSS_SIZE: Literal["map", "image"] = "map"
    FREEZE_HEAD: bool = False
    FORCE_INIT: bool = False

    def __post_init__(self) -> None:
        fill_blanks(self, N_BLOCKS=[3, 4, 23, 3], ATROUS_RATES=[], INIT_MODEL="")


@dataclass
class BatchSize:
    """Images per pass; training passes are summed over all processes."""

    TRAIN: int = 5
    TEST: int = 1


@dataclass
class Solver:
    """Optimisation, as published: SGD with 1x body, 10x head weights, 20x head biases, poly schedule.

    Args:
        ITER_MAX: optimiser steps.
        ITER_SIZE: passes whose gradients are averaged in one step.
        ITER_SAVE: steps between checkpoints.
        ITER_TB: steps between lines of the log.
        LR_DECAY: the poly schedule changes the rate at multiples of this many steps.
        AVERAGE_LOSS: read by nothing; a line of the log holds the mean loss of all steps since the line before.
        HEAD_LR_MULTIPLIER: learning rate of the head's weights relative to LR; biases learn at twice that.
        WARMUP: steps over which the rate rises linearly from zero; 0 as published.
        DECAY_VECTORS: False exempts biases and BatchNorm parameters from weight decay.
        LOSS: ce (as published), balanced_ce (mean of background and foreground: CLIMS and AdvCAM from ImageNet weights),
            focal (the L2G+CDA thesis) or self_training (DRS; needs tags).
        FOCAL_GAMMA: exponent of the focal loss; 0, the thesis's value, is cross-entropy divided by all pixels.
        SELF_TRAINING: how absent classes are kept out of the labels that the network gives itself: mask rules them out,
            multiply (as published) sets their logits to 0, which wins where all present classes are negative.
    """

    BATCH_SIZE: BatchSize = field(default_factory=BatchSize)
    ITER_MAX: int = 20000
    ITER_SIZE: int = 2
    ITER_SAVE: int = 5000
    ITER_TB: int = 100
    LR_DECAY: int = 10
    LR: float = 2.5e-4
    MOMENTUM: float = 0.9
    OPTIMIZER: Literal["SGD", "sgd", "AdamW", "adamw"] = "SGD"
    POLY_POWER: float = 0.9
    WEIGHT_DECAY: float = 5e-4
    AVERAGE_LOSS: int = 20
    HEAD_LR_MULTIPLIER: float = 10.0
    WARMUP: int = 0
    DECAY_VECTORS: bool = True
    LOSS: LossName = "ce"
    FOCAL_GAMMA: float = 0.0
    SELF_TRAINING: Literal["mask", "multiply"] = "mask"


@dataclass
class Crf:
    """Dense CRF (deeplabv2 spec, section 12).

    Args:
        ITER_MAX: mean-field steps.
        POS_W: weight of the kernel on positions.
        POS_XY_STD: its standard deviation in pixels.
        BI_W: weight of the kernel on positions and colours.
        BI_XY_STD: its standard deviation in pixels.
        BI_RGB_STD: its standard deviation in grey levels.
        IMAGE: original, or mean_subtracted as the original crf command passes it (minus IMAGE.MEAN, cut to 8 bits).
        ENGINE: torch (the toolbox's own, also auto) or pydensecrf.
        N_JOBS: processes that compute the CRF (-j); blank for one per core, fewer for few images.
    """

    ITER_MAX: int = 10
    POS_W: float = 3
    POS_XY_STD: float = 1
    BI_W: float = 4
    BI_XY_STD: float = 67
    BI_RGB_STD: float = 3
    IMAGE: Literal["original", "mean_subtracted"] = "original"
    ENGINE: Engine = "auto"
    N_JOBS: int | None = None

    def settings(self) -> CrfSettings:
        return CrfSettings(self.POS_XY_STD, self.POS_W, self.BI_XY_STD, self.BI_RGB_STD, self.BI_W, self.ITER_MAX)


@dataclass
class Run:
    """How the program runs; see the common engine's settings.

    Args:
        FOLD_BATCHNORM: compute frozen BatchNorm layers inside the convolutions before them while training: the same function
            in less time and memory.
        TEST_LONG_SIDE: longer side of test images; 0 (as published) keeps their size.
        TEST_SCALES: factors of test images whose logits are averaged; 1.0 alone as published.
        TEST_FLIP: average the logits of the image and its mirror image.
        SAVE_LOGITS: test also writes the logits as .npy files, as published.
    """

    SEED: int = 0
    DEVICE: str = "auto"
    PRECISION: Literal["fp32", "bf16", "fp16"] = "fp32"
    CHANNELS_LAST: bool = False
    COMPILE: bool = False
    FOLD_BATCHNORM: bool = False
    CLIP_GRAD_NORM: float = 0.0
    STOP_AT: int = 0
    KEEP_LAST: int = 2
    TEST_LONG_SIDE: int = 0
    TEST_SCALES: list[float] = field(default_factory=lambda: [1.0])
    TEST_FLIP: bool = False
    SAVE_LOGITS: bool = False
