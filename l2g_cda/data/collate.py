"""From training items to the batch of a step."""

from __future__ import annotations

from typing import Any

import torch

from common.data.sampling import Sample


def collate(samples: list[Sample]) -> dict[str, Any]:
    """Stack views; of twins first all pasted ones, then all originals (l2g_cda spec, section 4.4).

    Args:
        samples: views of :class:`l2g_cda.data.views.ViewMaker`, or pairs of :class:`l2g_cda.cda.twins.PastedTwins`.

    Returns:
        For N views with P patches: ``id`` (N strings), ``image`` (float32, N x 3 x S x S), ``saliency`` (float32,
        N x 1 x S x S, 0..1), ``boxes`` (float32, N*P x 5: place of the view in this batch, x1, y1, x2, y2), ``tags``
        (float32, N x C, filter the target) and ``patch_tags`` (float32, N*P x C, what the local network learns). Cut the
        patches with :func:`l2g_cda.data.patches.cut_patches`.
    """
    paired = "original" in samples[0]
    views = [sample[twin] for twin in ("pasted", "original") for sample in samples] if paired else samples
    boxes = [
        torch.cat([torch.full((len(view["boxes"]), 1), place), view["boxes"]], dim=1)
        for place, view in enumerate(views)
    ]
    return {
        "id": [view["id"] for view in views],
        "image": torch.stack([view["image"] for view in views]),
        "saliency": torch.stack([view["saliency"] for view in views]),
        "boxes": torch.cat(boxes).float(),
        "tags": torch.stack([view["tags"] for view in views]),
        "patch_tags": torch.cat([view["patch_tags"].expand(len(view["boxes"]), -1) for view in views]),
    }
