"""What the training loop calls: network and batch to losses."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from common.engine.losses import Losses
from sgan.segmentation.config import LossConfig
from sgan.segmentation.crf_layer import log_refined_probabilities, training_crf
from sgan.segmentation.losses import (
    balanced_seed_loss,
    constrain_loss,
    floored_softmax,
    one_hot_seeds,
    plain_seed_loss,
)
from sgan.segmentation.region_growing import grow_batch
from sgan.segmentation.retrain import retrain_losses

SEED_LOSSES = {"balanced": balanced_seed_loss, "plain": plain_seed_loss}


def dsrg_losses(logits: Tensor, batch: dict[str, Any], config: LossConfig) -> dict[str, Tensor]:
    """Seed loss and constrain loss, weight 1 each (sgan spec, section 3.2).

    Args:
        logits: N x C x h x w.
        batch: ``seed`` (int64, N x h x w), ``photograph`` (uint8, N x h x w x 3), and ``tags`` (N x C - 1) where seeds grow.
    """
    logits = logits.float()
    probabilities = floored_softmax(logits)
    seeds = one_hot_seeds(batch["seed"], logits.shape[1])
    losses = {}
    if config.constrain or config.grow:
        settings = training_crf(config.crf_scale)
        log_refined = log_refined_probabilities(probabilities, batch["photograph"], settings, config.crf_engine)
        if config.grow:
            thresholds = config.grow_background, config.grow_foreground
            seeds = grow_batch(log_refined.exp(), seeds, batch["tags"], *thresholds)
        if config.constrain:
            losses["constrain"] = constrain_loss(probabilities, log_refined)
    return {"seed": SEED_LOSSES[config.seed](probabilities, seeds), **losses}


class SegmentationStep:
    """``(network, batch) -> losses``."""

    def __init__(self, config: LossConfig) -> None:
        self.config = config

    def __call__(self, network: nn.Module, batch: dict[str, Any]) -> Losses:
        logits = network(batch["image"])
        if self.config.recipe == "retrain":
            return retrain_losses(logits, batch["seed"])
        return dsrg_losses(logits, batch, self.config)
