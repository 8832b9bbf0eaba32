"""Which images to show of many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from common.data.layout import DatasetLayout


def most_classes(layout: DatasetLayout, ids: Sequence[str], count: int) -> list[str]:
    """``count`` ids (all if there are fewer), spread evenly over the third with the most classes: these show the problem best.

    Raises:
        DataError: the dataset has no tags, or none of an id.
    """
    tags = layout.read_tags(ids)
    rich = sorted(ids, key=lambda image_id: -tags[image_id].sum())[: max(count, len(ids) // 3)]
    return [rich[place] for place in np.linspace(0, len(rich) - 1, min(count, len(rich))).astype(int)]
