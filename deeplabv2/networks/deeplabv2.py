"""DeepLab-v2: a dilated body and four atrous convolutions whose outputs are summed (Chen et al., 2016, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from common.models.base import Backbone


class AtrousPyramid(nn.Module):
    """Sum of parallel 3x3 convolutions with bias, one per dilation rate (the paper's ASPP-L without hidden layers).

    Args:
        in_channels: channels of the features.
        n_labels: number of labels, background included.
        rates: dilation of each branch.
    """

    def __init__(self, in_channels: int, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.branches = [f"c{number}" for number in range(len(rates))]
        for name, rate in zip(self.branches, rates, strict=True):
            branch = nn.Conv2d(in_channels, n_labels, 3, padding=rate, dilation=rate)
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.zeros_(branch.bias)  # type: ignore[arg-type]
            self.add_module(name, branch)

    def forward(self, features: Tensor) -> Tensor:
        """Features N x C x h x w -> logits N x n_labels x h x w."""
        outputs = [self.get_submodule(name)(features) for name in self.branches]
        logits: Tensor = sum(outputs[1:], outputs[0])
        return logits


class DeepLabV2(nn.Module):
    """Images N x 3 x H x W -> logits N x n_labels x h x w at the body's output stride."""

    def __init__(self, body: Backbone, n_labels: int, rates: Sequence[int]) -> None:
        super().__init__()
        self.body = body
        self.aspp = AtrousPyramid(body.out_channels, n_labels, rates)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.aspp(self.body(images))
        return logits
