"""The training step: its two losses, its optimiser's groups (sgan spec, sections 3.1 and 5.1), and its published form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from common.engine.losses import Mean
from common.engine.optimizer import GroupRule, parameter_groups
from common.method.plain_cam import classification_loss
from common.method.steps import Form
from sgan.attention import dense_masks
from sgan.network import SGAN
from sgan.sample import feature_size


def seed_loss(segmentation: Tensor, seeds: Tensor) -> Mean:
    """Cross-entropy over the positions with a foreground seed, as sum and number of those positions.

    A batch without any such position counts 0 (the published mean would be 0/0 there).

    Args:
        segmentation: n x C x h x w logits, without a background channel.
        seeds: int64 n x h x w: 0..C-1, and C for background and unlabelled positions, which do not count.
    """
    ignored = segmentation.shape[1]
    total = functional.cross_entropy(segmentation.float(), seeds, ignore_index=ignored, reduction="sum")
    return Mean(total, (seeds != ignored).sum())


def sgan_step(seed_loss_ratio: float, network: nn.Module, batch: dict[str, Any]) -> dict[str, Tensor | Mean]:
    """The losses of a batch for the training loop; the seed loss counts ``seed_loss_ratio`` times."""
    scores, segmentation = network(batch["image"], batch["salient"])
    seed = seed_loss(segmentation, batch["seed"])
    return {
        "classification": classification_loss(scores.float(), batch["tags"]),
        "seed": Mean(seed_loss_ratio * seed.total, seed.count),
    }


def sgan_groups(
    network: nn.Module, lr: float, weight_decay: float, head_lr_multiplier: float = 10.0, decay_vectors: bool = True
) -> list[dict[str, Any]]:
    """The optimiser's groups in their published order.

    Backbone weights 1x, its biases 2x, other weights (and gamma) 10x, other biases 20x; biases do not decay.
    """
    backbone = r"^backbone\."
    rules = [
        GroupRule("backbone", backbone + r".*(?<!\.bias)$"),
        GroupRule("backbone_bias", backbone, 2.0, decays=False),
        GroupRule("head", r"(?<!\.bias)$", head_lr_multiplier),
        GroupRule("head_bias", "", 2 * head_lr_multiplier, decays=False),
    ]
    return parameter_groups(network, rules, lr, weight_decay, decay_vectors)


def published_form(form: Form) -> Form:
    """The same step as published: N x N masks from the loader, and N x N attention weights made of them."""
    assert isinstance(form.network, SGAN)
    form.network.dense = True
    masks = torch.stack(dense_masks(form.batch["salient"].flatten(1).float()), 1)
    return form._replace(batch={**form.batch, "salient": masks})


def noise_batch(n_images: int, size: int, stride: int, n_classes: int) -> dict[str, Any]:
    """Noise as images (float32 n x 3 x size x size), salient positions, tags and seeds."""
    generator = torch.Generator().manual_seed(0)
    maps = (n_images, feature_size(size, stride), feature_size(size, stride))
    return {
        "image": torch.randn(n_images, 3, size, size, generator=generator),
        "salient": torch.randint(0, 2, maps, generator=generator).to(torch.uint8),
        "tags": torch.randint(0, 2, (n_images, n_classes), generator=generator).float(),
        "seed": torch.randint(0, n_classes + 1, maps, generator=generator),
    }
