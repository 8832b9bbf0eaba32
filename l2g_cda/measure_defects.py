"""What the published defects of CDA do to a dataset: ``python measure_defects.py --bank sem_seg_fg`` (l2g_cda spec, section 10)."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from common.bounds import bounded
from common.commands import Flag
from common.data.sampling import IndexedSamples, Sample, SampleKey, sample_rng
from common.errors import run_command
from common.files import write_json
from common.method.stage import dataset_of
from l2g_cda.bank import ForegroundBank, read_bank
from l2g_cda.method import salient_images
from l2g_cda.pasting import CdaConfig, PastedTwins
from l2g_cda.settings import L2GSettings, run_program
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

    epochs_drawn: int = bounded(3, least=1)
    effects_file: str = ""


def measure_defects(
    images: IndexedSamples, bank: ForegroundBank, views: ViewConfig, seed: int, epochs: int
) -> dict[str, float]:
    """Draw every item of ``epochs`` as the published code would: the mean of each effect, and how many ``items``."""
    published = PastedTwins(images, ViewMaker(views), seed, bank, CdaConfig())
    growing = PastedTwins(images, ViewMaker(views), seed, bank, CdaConfig(twin_tags="growing"))
    rows: dict[str, list[float]] = {name: [] for name in EFFECTS}
    for index in range(len(images)):
        sample = images[index]
        after = growing.tags_before(sample["tags"], SampleKey(epochs, index))
        effects = [{"tags": sample["tags"].sum(), "tags_grown": after.sum()}]
        for epoch in range(epochs):
            effects.append(cut_effects(sample, views, sample_rng(seed, epoch, index)))
            effects.append(item_effects(published, sample, SampleKey(epoch, index)))
        for name, value in (effect for one in effects for effect in one.items()):
            rows[name].append(float(value))
    means = {name: float(np.mean(values)) if values else 0.0 for name, values in rows.items()}
    return {"items": len(images) * epochs, **means}


def item_effects(twins: PastedTwins, sample: Sample, key: SampleKey) -> dict[str, float]:
    """What pasting does to one item."""
    drawn = twins.drawn(sample, key)
    if drawn is None:
        return {"nothing_to_paste": 1.0, "wrong_tags": 0.0}
    tags = twins.make(sample, key)["original"]["tags"].numpy()
    around = np.ones(sample["saliency"].shape, bool)
    around[drawn.box] = ~drawn.mask
    colours = sample["image"].astype(np.int16)[around]
    return {
        "nothing_to_paste": 0.0,
        "nothing_visible": float(not drawn.mask.any()),
        "overlap": drawn.overlap,
        "wrong_tags": float((tags != sample["tags"]).any()),
        "colour_change": float(np.abs(colours[:, 0] - colours[:, 2]).mean()) if colours.size else 0.0,
    }


def cut_effects(sample: Sample, views: ViewConfig, rng: Random) -> dict[str, float]:
    """What the exchanged axes do to the original twin's view: its black share, and the offsets that are possible."""
    if views.recipe == "coco":
        return {"leaves_image": 0.0, "black": 0.0, "reach": 1.0}
    draw_boxes(views, rng)
    side, sides = views.input_size, short_side_size(sample["saliency"].shape, views.short_side)
    left, top = draw_crop(sides, side, "published", rng)
    rows, columns = (min(side, max(0, length)) for length in (sides[0] - top, sides[1] - left))
    black, reach = 1 - rows * columns / side**2, (min(sides) - side + 1) / (max(sides) - side + 1)
    return {"leaves_image": float(black > 0), "black": black, "reach": reach}


def measure(settings: DefectSettings) -> int:
    layout = dataset_of(settings)
    data = salient_images(settings, layout), read_bank(Path(settings.cda.bank), layout.n_classes)
    effects = measure_defects(*data, settings.views, settings.engine.seed, settings.epochs_drawn)
    print(f"{effects['items']} items:")
    print("\n".join(f"  {text.format(effects[name])}" for name, text in EFFECTS.items()))
    if settings.effects_file:
        write_json(Path(settings.effects_file), effects)
    return 0


FLAGS_OF_DEFECTS = (
    Flag(("--bank",), "--cda.bank", "FOLDER", "bank of objects (default sem_seg_fg of this folder)"),
    Flag(("--epochs",), "--epochs_drawn", "N", "epochs to draw (default 3)"),
    Flag(("--output",), "--effects_file", "FILE", "JSON file for the numbers"),
)
main = partial(
    run_program,
    "Count what the published defects of views and pasting change.",
    DefectSettings,
    measure,
    "voc.yaml",
    FLAGS_OF_DEFECTS,
)

if __name__ == "__main__":
    run_command(main)
