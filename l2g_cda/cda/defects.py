"""What the published defects of the augmentation do to a dataset (l2g_cda spec, section 10: D2, D3, D4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from common.data.dataset import ListedImages
from common.data.sampling import Sample, SampleKey, sample_rng
from l2g_cda.cda.bank import ForegroundBank
from l2g_cda.cda.placement import Placement, covered
from l2g_cda.cda.twins import PastedTwins
from l2g_cda.data.patches import draw_boxes
from l2g_cda.data.settings import CdaConfig, ViewConfig
from l2g_cda.data.views import ViewMaker, draw_crop, short_side_size


@dataclass(frozen=True)
class DefectEffects:
    """Shares are fractions of all items, 0..1.

    Attributes:
        items: images times epochs.
        nothing_to_paste: the image shows every class of the bank.
        nothing_visible: an object was chosen whose saliency leaves nothing to paste; its class is in the tags all the same.
        overlap: mean share of the pasted pixels that covered something salient.
        wrong_tags: D2, the unpasted twin's target is filtered by tags with a class that the image does not show.
        tags: classes per image, true.
        tags_grown: the same after all epochs in a single process.
        colour_change: D3, mean difference of red and blue around the object, grey levels 0..255.
        leaves_image: D4, the cut of the view leaves the image.
        black: D4, mean share of the view that is black.
        reach: D4, mean share of the possible offsets along the longer side that can be drawn.
    """

    items: int
    nothing_to_paste: float
    nothing_visible: float
    overlap: float
    wrong_tags: float
    tags: float
    tags_grown: float
    colour_change: float
    leaves_image: float
    black: float
    reach: float


def measure_defects(
    images: ListedImages, bank: ForegroundBank, views: ViewConfig, seed: int, epochs: int
) -> DefectEffects:
    """Draw every item of ``epochs`` as the published code would, and count.

    Args:
        images: with saliency and tags.
        views: what is cut from the images; D4 does not touch the coco recipe.
    """
    published = PastedTwins(images, ViewMaker(views), seed, bank, CdaConfig())
    growing = PastedTwins(images, ViewMaker(views), seed, bank, CdaConfig(labels="growing"))
    rows: dict[str, list[float]] = {name: [] for name in DefectEffects.__dataclass_fields__ if name != "items"}
    for index in range(len(images)):
        sample = images[index]
        rows["tags"].append(float(sample["tags"].sum()))
        rows["tags_grown"].append(float(growing.tags_before(sample["tags"], SampleKey(epochs, index)).sum()))
        rows["reach"].append(offset_reach(sample, views))
        for epoch in range(epochs):
            for name, value in item_effects(published, sample, SampleKey(epoch, index), views).items():
                rows[name].append(value)
    means = {name: float(np.mean(values)) if values else 0.0 for name, values in rows.items()}
    return DefectEffects(items=len(images) * epochs, **means)


def item_effects(twins: PastedTwins, sample: Sample, key: SampleKey, views: ViewConfig) -> dict[str, float]:
    """The counts of one item; see :class:`DefectEffects`."""
    outside = outside_share(twins, sample, key, views)
    effects = {"leaves_image": float(outside > 0), "black": outside}
    drawn = draw_placement(twins, sample, key)
    if drawn is None:
        return effects | {"nothing_to_paste": 1.0, "wrong_tags": 0.0}
    tags = twins.twins(sample, key)["original"]["tags"].numpy()
    around = ~covered(drawn, sample["saliency"].shape)
    image = sample["image"].astype(np.int16)
    return effects | {
        "nothing_to_paste": 0.0,
        "nothing_visible": float(not drawn.mask.any()),
        "overlap": drawn.overlap,
        "wrong_tags": float((tags != sample["tags"]).any()),
        "colour_change": float(np.abs(image[..., 0] - image[..., 2])[around].mean()) if around.any() else 0.0,
    }


def draw_placement(twins: PastedTwins, sample: Sample, key: SampleKey) -> Placement | None:
    """What the pasted twin of an item gets; None when the bank has nothing for it."""
    rng = twins.twin_rng(key.epoch, key.index)
    chosen = twins.draw_object(sample["tags"], rng)
    return None if chosen is None else twins.placement(sample["saliency"], chosen[1], rng)


def outside_share(twins: PastedTwins, sample: Sample, key: SampleKey, views: ViewConfig) -> float:
    """Share of the original twin's view that lies outside the image; the coco recipe cuts nothing."""
    if views.recipe == "coco":
        return 0.0
    rng = sample_rng(twins.seed, key.epoch, key.index)
    draw_boxes(views, rng)
    height, width = resized(sample, views)
    left, top = draw_crop(height, width, views.input_size, "published", rng)
    rows, columns = (min(views.input_size, max(0, side)) for side in (height - top, width - left))
    return 1 - rows * columns / views.input_size**2


def offset_reach(sample: Sample, views: ViewConfig) -> float:
    """Share of the offsets along the longer side that the exchanged axes leave possible."""
    if views.recipe == "coco":
        return 1.0
    sides = resized(sample, views)
    return (min(sides) - views.input_size + 1) / (max(sides) - views.input_size + 1)


def resized(sample: Sample, views: ViewConfig) -> tuple[int, int]:
    """(height, width) of the image before it is cut."""
    height, width = sample["saliency"].shape
    return short_side_size(height, width, views.resize)
