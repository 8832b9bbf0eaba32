"""Pictures of what the stages did to a few images, for the report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.data.dataset import ListedImages
from common.data.images import read_label_map
from common.data.layout import DatasetLayout, open_layout
from common.data.palette import colour_label_map
from common.data.sampling import Sample, SampleKey
from common.data.showing import most_classes
from common.report.examples import write_class_names, write_example
from common.report.html import Example, Panel
from common.visual.overlay import cam_overlay
from l2g_cda.cda.bank import read_bank
from l2g_cda.cda.defects import draw_placement
from l2g_cda.cda.placement import paste
from l2g_cda.cda.twins import PastedTwins
from l2g_cda.config import L2GConfig
from l2g_cda.data.views import ViewMaker
from l2g_cda.labels.attention_files import attention_path, read_attention


def write_examples(config: L2GConfig, count: int = 6) -> list[Path]:
    """Write ``<run>/examples/<id>`` for ``count`` images of the list, evenly spaced among those with the most classes.

    Shown is what is there: image, saliency, the image as the second training pastes into it, attention per tag, pseudo
    label, ground truth.

    Raises:
        DataError: the dataset, its tags or its saliency maps are missing, or a file or the bank is broken.
    """
    layout = open_layout(config.data)
    ids = most_classes(layout, layout.ids(config.split), count)
    images = ListedImages(layout, layout.ids(config.split), ("saliency", "tags"))
    twins = pasting(config, layout, images)
    for image_id in ids:
        index = images.ids.index(image_id)
        sample = images[index]
        panels = [*input_panels(sample), *pasted_panels(twins, sample, index), *output_panels(config, layout, sample)]
        write_example(config.out, Example(image_id, panels))
    write_class_names(config.out, layout.classes)
    return [config.out / "examples" / image_id for image_id in ids]


def pasting(config: L2GConfig, layout: DatasetLayout, images: ListedImages) -> PastedTwins | None:
    """The data of the second training; None where there is no second training, or its bank is yet to be made."""
    if not config.pasting.epochs or not Path(config.cda.bank).is_dir():
        return None
    bank = read_bank(Path(config.cda.bank), layout.n_classes, with_saliency=config.cda.mask == "saliency")
    return PastedTwins(images, ViewMaker(config.views), config.engine.seed, bank, config.cda)


def input_panels(sample: Sample) -> Iterator[Panel]:
    yield Panel("image", sample["image"])
    yield Panel("saliency", sample["saliency"])


def pasted_panels(twins: PastedTwins | None, sample: Sample, index: int) -> Iterator[Panel]:
    """The image with the object it gets in the first epoch, and the saliency map with it."""
    placement = None if twins is None else draw_placement(twins, sample, SampleKey(0, index))
    if twins is not None and placement is not None:
        image, saliency = paste(sample["image"], sample["saliency"], placement, twins.config.channels)
        yield Panel("pasted", image)
        yield Panel("pasted, saliency", saliency)


def output_panels(config: L2GConfig, layout: DatasetLayout, sample: Sample) -> Iterator[Panel]:
    """Attention of every tag, pseudo label and truth, as far as they exist."""
    for number in np.flatnonzero(sample["tags"]):
        path = attention_path(config.attention_folder, sample["id"], int(number))
        if path.is_file():
            heat = read_attention(path).astype(np.float32) / 255
            yield Panel(f"attention, {layout.classes[number]}", cam_overlay(sample["image"], heat))
    label = config.label_folder / f"{sample['id']}.png"
    if label.is_file():
        yield Panel(f"pseudo label, {config.method_name}", colour_label_map(read_label_map(label)))
    if layout.masks.is_dir():
        yield Panel("ground truth", colour_label_map(read_label_map(layout.mask_path(sample["id"]))))
