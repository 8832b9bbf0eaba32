"""Plain CAM with a focal loss (Lin et al., ICCV 2017): the worked example of "Adding a method"."""

from dataclasses import dataclass

import torch

from common.engine.losses import StepFunction
from common.method.method import Variant
from common.method.plain_cam import CamSettings, cam_method, train_classifier


@dataclass
class FocalSettings(CamSettings):
    """Plain CAM's settings, and ``gamma``: how much less a tag counts that the network knows; 0 is plain CAM's loss."""

    gamma: float = 2.0


def focal_loss(logits: torch.Tensor, tags: torch.Tensor, gamma: float) -> torch.Tensor:
    """Mean over images and classes; logits and tags (0 or 1) are N x C."""
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, tags, reduction="none")
    return ((1 - (-losses).exp()) ** gamma * losses).mean()


def focal_step(settings: FocalSettings, network: torch.nn.Module) -> StepFunction:
    return lambda network, batch: {"focal": focal_loss(network(batch["image"]), batch["tags"], settings.gamma)}


ROWS = {"gamma0": Variant("focal CAM, gamma 0", {"gamma": 0.0}), "gamma2": Variant("focal CAM")}
METHOD = cam_method(__name__, "focal CAM", FocalSettings, train_classifier(focal_step, FocalSettings), variants=ROWS)
