"""What the published defects of CDA do to a dataset: ``python measure_defects.py --bank sem_seg_fg`` (l2g_cda spec, section 10)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from common.commands import Command, Flag, run_alone
from common.data.sampling import IndexedSamples, Sample, SampleKey, sample_rng
from common.errors import run_command
from common.files import write_json
from common.method.stage import dataset_of
from l2g_cda.bank import ForegroundBank, read_bank
from l2g_cda.method import CONFIGS, METHOD, salient_images
from l2g_cda.pasting import CdaConfig, PastedTwins, covered
from l2g_cda.settings import ALIASES, L2GSettings
from l2g_cda.views import ViewConfig, ViewMaker, draw_boxes, draw_crop, short_side_size

# Effect -> what is said of it. Shares are fractions of all items.
EFFECTS = {
    "wrong_tags": "D2 tags: {:.1%} of the unpasted twins are filtered by a class they do not show;",
    "tags": "   in one process {:.2f} classes per image",
    "tags_grown": "   grow to {:.2f}",
    "colour_change": "D3 colours: red and blue around the object change by {:.1f} grey levels",
    "leaves_image": "D4 axes: {:.1%} of the views leave the image,",
    "black": "   {:.1%} of their area is black,",
    "reach": "   {:.1%} of the offsets along the longer side are possible",
    "nothing_visible": "bank: {:.1%} of the objects have no salient pixel and are pasted invisibly,",
    "nothing_to_paste": "   {:.1%} of the images show every class of the bank",
    "overlap": "overlap: {:.1%} of the pasted pixels cover something salient",
}


@dataclass
class DefectSettings(L2GSettings):
    """Count what the published defects of views and pasting (D2, D3, D4) change.

    Args:
        epochs_drawn: epochs to draw (published: three with pasting).
        effects_file: JSON file for the numbers; empty for none.
    """

    epochs_drawn: int = 3
    effects_file: str = ""


def measure_defects(
    images: IndexedSamples, bank: ForegroundBank, views: ViewConfig, seed: int, epochs: int
) -> dict[str, float]:
    """Draw every item of ``epochs`` as the published code would: the mean of each effect, and how many ``items``.

    Args:
        images: with saliency and tags.
        views: what is cut from the images; D4 does not touch the coco recipe.
    """
    published = PastedTwins(images, ViewMaker(views), seed, bank, CdaConfig())
    growing = PastedTwins(images, ViewMaker(views), seed, bank, CdaConfig(twin_tags="growing"))
    rows: dict[str, list[float]] = {name: [] for name in EFFECTS}
    for index in range(len(images)):
        sample = images[index]
        rows["tags"].append(float(sample["tags"].sum()))
        rows["tags_grown"].append(float(growing.tags_before(sample["tags"], SampleKey(epochs, index)).sum()))
        rows["reach"].append(offset_reach(sample, views))
        for epoch in range(epochs):
            for name, value in item_effects(published, sample, SampleKey(epoch, index), views).items():
                rows[name].append(value)
    means = {name: float(np.mean(values)) if values else 0.0 for name, values in rows.items()}
    return {"items": len(images) * epochs, **means}


def item_effects(twins: PastedTwins, sample: Sample, key: SampleKey, views: ViewConfig) -> dict[str, float]:
    """The effects on one item."""
    outside = outside_share(twins, sample, key, views)
    effects = {"leaves_image": float(outside > 0), "black": outside}
    drawn = twins.drawn(sample, key)
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


def outside_share(twins: PastedTwins, sample: Sample, key: SampleKey, views: ViewConfig) -> float:
    """Share of the original twin's view that lies outside the image; the coco recipe cuts nothing."""
    if views.recipe == "coco":
        return 0.0
    rng = sample_rng(twins.seed, key.epoch, key.index)
    draw_boxes(views, rng)
    height, width = short_side_size(*sample["saliency"].shape, views.short_side)
    left, top = draw_crop(height, width, views.input_size, "published", rng)
    rows, columns = (min(views.input_size, max(0, side)) for side in (height - top, width - left))
    return 1 - rows * columns / views.input_size**2


def offset_reach(sample: Sample, views: ViewConfig) -> float:
    """Share of the offsets along the longer side that the exchanged axes leave possible."""
    if views.recipe == "coco":
        return 1.0
    sides = short_side_size(*sample["saliency"].shape, views.short_side)
    return (min(sides) - views.input_size + 1) / (max(sides) - views.input_size + 1)


def measure(settings: DefectSettings) -> int:
    layout = dataset_of(settings)
    bank = read_bank(Path(settings.cda.bank), layout.n_classes)
    images = salient_images(settings, layout)
    effects = measure_defects(images, bank, settings.views, settings.engine.seed, settings.epochs_drawn)
    print(f"{effects['items']} items:")
    print("\n".join(f"  {text.format(effects[name])}" for name, text in EFFECTS.items()))
    if settings.effects_file:
        write_json(Path(settings.effects_file), effects)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    flags = (
        Flag(("--bank",), "--cda.bank", "FOLDER", "bank of objects (default sem_seg_fg of this folder)"),
        Flag(("--epochs",), "--epochs_drawn", "N", "epochs to draw (default 3)"),
        Flag(("--output",), "--effects_file", "FILE", "JSON file for the numbers"),
    )
    text = "Count what the published defects of views and pasting change. Views are those of the section views."
    command = Command(
        text,
        DefectSettings,
        measure,
        flags,
        ALIASES,
        find_config=lambda settings: CONFIGS / "voc.yaml",
        folder=METHOD.home,
    )
    return run_alone("measure_defects.py", command, argv)


if __name__ == "__main__":
    run_command(main)
