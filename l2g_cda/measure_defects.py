"""What the published defects of CDA do to a dataset: ``python measure_defects.py --bank sem_seg_fg``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.config import parse_config
from common.data.dataset import ListedImages
from common.data.sampling import SampleKey
from common.errors import run_command
from common.files import atomic_write, write_json
from common.visual.panels import png_bytes
from l2g_cda.cda.bank import read_bank
from l2g_cda.cda.defects import DefectEffects, draw_placement, measure_defects
from l2g_cda.cda.objects import Bytes
from l2g_cda.cda.pictures import pasting_sheet
from l2g_cda.cda.twins import PastedTwins
from l2g_cda.data.settings import CdaConfig, ViewConfig
from l2g_cda.data.views import ViewMaker
from l2g_cda.dataset_arguments import BANK, add_dataset_arguments, open_dataset


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="l2g_cda/measure_defects.py",
        description="Count what the published defects of the augmentation (D2, D3, D4) change. Flags of the view, such as "
        "--input_size 448, are those of the section views of a configuration.",
    )
    add_dataset_arguments(parser, "vocaug")
    parser.add_argument("--bank", default=str(BANK), help="bank of objects (default sem_seg_fg of this folder)")
    parser.add_argument("--epochs", type=int, default=3, help="epochs to draw (published: three with pasting)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="", help="JSON file for the numbers")
    parser.add_argument("--pictures", default="", help="folder for pictures of six pastings")
    arguments, view_flags = parser.parse_known_args(argv)
    views = parse_config(ViewConfig, view_flags, program="l2g_cda/measure_defects.py")
    layout = open_dataset(arguments)
    images = ListedImages(layout, layout.ids("train"), ("saliency", "tags"))
    bank = read_bank(Path(arguments.bank), layout.n_classes)
    effects = measure_defects(images, bank, views, arguments.seed, arguments.epochs)
    print(describe(effects))
    if arguments.output:
        write_json(Path(arguments.output), dataclasses.asdict(effects))
    if arguments.pictures:
        twins = PastedTwins(images, ViewMaker(views), arguments.seed, bank, CdaConfig())
        draw_pastings(twins, images, Path(arguments.pictures))


def describe(effects: DefectEffects) -> str:
    """The numbers as sentences."""
    return "\n".join(
        (
            f"{effects.items} items:",
            f"  D2 tags: {effects.wrong_tags:.1%} of the unpasted twins are filtered by a class they do not show;",
            f"     in one process {effects.tags:.2f} classes per image grow to {effects.tags_grown:.2f}",
            f"  D3 colours: red and blue around the object change by {effects.colour_change:.1f} grey levels",
            f"  D4 axes: {effects.leaves_image:.1%} of the views leave the image, {effects.black:.1%} of their area is black,",
            f"     {effects.reach:.1%} of the offsets along the longer side are possible",
            f"  bank: {effects.nothing_visible:.1%} of the objects have no salient pixel and are pasted invisibly,",
            f"     {effects.nothing_to_paste:.1%} of the images show every class of the bank",
            f"  overlap: {effects.overlap:.1%} of the pasted pixels cover something salient",
        )
    )


def draw_pastings(twins: PastedTwins, images: ListedImages, folder: Path, count: int = 6) -> None:
    """Write ``<id>.png`` for the first ``count`` images that get an object."""
    for index in range(min(count, len(images))):
        sample = images[index]
        placement = draw_placement(twins, sample, SampleKey(0, index))
        if placement is not None:
            sheet = pasting_sheet(sample["image"], sample["saliency"], placement)
            write_picture(folder / f"{sample['id']}.png", sheet)


def write_picture(path: Path, picture: Bytes) -> None:
    atomic_write(path, lambda file: file.write(png_bytes(picture)))


if __name__ == "__main__":
    run_command(main)
