"""Sections of the settings that the published configuration file does not have."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from common.errors import ConfigError


@dataclass
class Body:
    """The network's body, beyond its name (``backbone``).

    Args:
        width: factor on all channels; 1.0 is the published network.
        output_stride: input size divided by feature size; 8 as published, VGG16 takes nothing else.
        dilate: ResNets only, see common/models/backbones.py.
        last_convolution: MobileNetV2 only, see there.
        frozen_stages: first stages that do not learn.
        freeze_batchnorm: keep BatchNorm's running statistics (bodies that have any).
        normaliser: how attention scores become weights; masked_normalize as published.
        attention: False keeps gamma at zero, so that the network does without the context of other cells.
    """

    width: float = 1.0
    output_stride: int = 8
    dilate: bool = True
    last_convolution: bool = True
    frozen_stages: int = 0
    freeze_batchnorm: bool = False
    normaliser: Literal["masked_normalize", "masked_softmax", "softmax"] = "masked_normalize"
    attention: bool = True


@dataclass
class Solver:
    """The optimiser, beyond learning rate and weight decay.

    Args:
        optimizer: sgd as published, or adamw.
        momentum: of sgd.
        head_lr_multiplier: learning rate of the new layers relative to the body.
        decay_vectors: whether gamma, and vectors of the body, decay like the weights (biases never do).
        warmup_steps: steps over which the rate rises from zero.
        clip_grad_norm: upper bound of the gradient's norm; 0 means no clipping.
    """

    optimizer: Literal["sgd", "adamw"] = "sgd"
    momentum: float = 0.9
    head_lr_multiplier: float = 10.0
    decay_vectors: bool = True
    warmup_steps: int = 0
    clip_grad_norm: float = 0.0


@dataclass
class Run:
    """How commands run; nothing here but seed and precision changes a result.

    Args:
        seed: of everything random.
        device: auto, cpu, cuda or cuda:N.
        precision: fp32, bf16 or fp16 autocast of the training.
        channels_last: memory layout that is faster for most convolutions.
        compile: torch.compile the network.
        stop_at: stop the training early after this step; 0 means never.
        save_every: steps between checkpoints.
        keep_last: how many checkpoints to keep.
    """

    seed: int = 7
    device: str = "auto"
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    channels_last: bool = False
    compile: bool = False
    stop_at: int = 0
    save_every: int = 2000
    keep_last: int = 4


@dataclass
class Semi:
    """Semi-supervised mode: true masks in place of seeds.

    Args:
        list: file (or name of a list of the dataset) with the ids whose masks may be used; empty for none.
        share: take every ``1 / share``-th image of ``list``, or of the training list where ``list`` is empty; 0 takes all of
            ``list``.
        masks_as_labels: whether label maps for the segmentation network hold the masks of these images.
    """

    list: str = ""
    share: float = 0.0
    masks_as_labels: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"semi.share is {self.share}; give a share between 0 and 1, such as 0.125")

    @property
    def description(self) -> str:
        """``", 1/8 true masks"``, or nothing in weakly supervised mode."""
        share = f"1/{round(1 / self.share)} " if self.share else ""
        of_list = f" of {Path(self.list).stem}" if self.list else ""
        return f", {share}true masks{of_list}" if share or of_list else ""

    @property
    def suffix(self) -> str:
        """What it adds to the names of outputs: nothing in weakly supervised mode."""
        listed = f"_{Path(self.list).stem}" if self.list else ""
        share = f"_1_{round(1 / self.share)}" if self.share else ""
        return f"_masks{listed}{share}" if listed or share else ""


@dataclass
class Seeds:
    """How maps become seeds, beyond the published keys.

    Args:
        rule: sec as published, or harmonic (the published code's uncalled harmonic mean of map and saliency).
        at: feature, painting at feature size and enlarging by nearest neighbour as published, or image, painting at the
            size of the image.
        fill: what unlabelled pixels become: none leaves them, strongest gives them the tagged class whose map is
            strongest relative to its maximum.
        rectify: set negative map values to 0 first.
        repaired_zoom: False for the published zeros in the last row or column of images with a side of 148, 282 or 295.
        overruled: classes that give way to background wherever saliency is low; [all] for every class, where objects are
            small and their cues would be painted over the background.
    """

    rule: Literal["sec", "harmonic"] = "sec"
    at: Literal["feature", "image"] = "feature"
    fill: Literal["none", "strongest"] = "none"
    rectify: bool = False
    repaired_zoom: bool = True
    overruled: list[str] = field(default_factory=lambda: ["boat", "train"])


@dataclass
class Stage0:
    """What SGAN starts from.

    Args:
        classifier: run folder of the classifier (``python -m common.baseline train``), for initial weights.
        cams: folder of its CAMs (``python -m common.baseline cam``); empty for the one in its run folder.
        threshold: share of a class's maximum above which a pixel is a seed; 0.3 as published.
    """

    classifier: str = "../runs/sgan/stage0"
    cams: str = ""
    threshold: float = 0.3


@dataclass
class Report:
    """What results and pictures say.

    Args:
        method: row of the results table.
        saliency_source: which network and data made the saliency maps.
        score_classes: names to score, empty for all.
        pictures: images of the list that get a picture of all maps.
    """

    method: str = "SGAN"
    saliency_source: str = ""
    score_classes: list[str] = field(default_factory=list)
    pictures: int = 0
