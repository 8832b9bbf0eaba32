"""The kind of stage that shows what became of a few images: the panels of every method, and those that a method adds."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from common.cam.files import Cams
from common.data.dataset import ListedImages, Part
from common.data.layout import DatasetLayout
from common.data.sampling import Sample
from common.errors import DataError
from common.failures import read_failures
from common.method.labels import Labels
from common.method.maps import Maps
from common.method.stage import Stage
from common.report.examples import write_class_names, write_example
from common.report.html import Example, Panel
from common.visual.overlay import cam_overlay, label_overlay


class Pictured(NamedTuple):
    """One image and what there is of it.

    Attributes:
        sample: ``id``, ``image`` (uint8 RGB, H x W x 3), ``tags`` (float32, C) and, where there are any, ``saliency`` and
            ``mask`` (uint8, H x W).
        position: its place in the list.
        cams: its maps.
    """

    sample: Sample
    position: int
    cams: Cams


# (settings, dataset, image) -> the panels that a method adds, shown after image and saliency.
Panels = Callable[[Any, DatasetLayout, Pictured], Iterable[Panel]]


def no_panels(settings: Any, layout: DatasetLayout, pictured: Pictured) -> Iterable[Panel]:
    return ()


def one_kind(settings: Any) -> Sequence[Any]:
    return (settings,)


def most_classes(layout: DatasetLayout, ids: Sequence[str], count: int) -> list[str]:
    """``count`` ids (all if there are fewer), spread evenly over the third with the most classes: these show the problem best.

    Raises:
        DataError: the dataset has no tags, or none of an id.
    """
    tags = layout.read_tags(ids)
    rich = sorted(ids, key=lambda image_id: -tags[image_id].sum())[: max(count, len(ids) // 3)]
    return [rich[place] for place in np.linspace(0, len(rich) - 1, min(count, len(rich))).astype(int)]


def one_class_and_most(layout: DatasetLayout, ids: Sequence[str], count: int) -> list[str]:
    """Half of them images of one class, spread evenly over the list, for methods that treat these in their own way."""
    tags = layout.read_tags(ids)
    single = [image_id for image_id in ids if tags[image_id].sum() == 1]
    shown = [single[place] for place in np.linspace(0, len(single) - 1, min(count // 2, len(single))).astype(int)]
    return shown + [one for one in most_classes(layout, ids, count) if one not in shown][: count - len(shown)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures(Stage):
    """Write ``examples/<id>/`` of ``report.pictures`` images: unless ``choose`` says otherwise those with the most classes.

    Attributes:
        labels: whose maps and label maps are shown.
        kinds: settings -> the settings of every set of label maps that is shown.
        panels: what the method adds.
        last: what is shown behind everything else.
        choose: (dataset, ids, number) -> the images that are shown.
        split: list of the images; maps of another list than the one the stages worked on are computed now.
    """

    labels: Labels
    name: str = "pictures"
    kinds: Callable[[Any], Sequence[Any]] = one_kind
    panels: Panels = no_panels
    last: Panels = no_panels
    choose: Callable[[DatasetLayout, Sequence[str], int], list[str]] = most_classes
    split: str = ""

    def run(self, settings: Any) -> int:
        if not settings.report.pictures:
            return 0
        layout, split = self.layout(settings), self.split or settings.split
        listed = layout.ids(split)
        failed = self.failed(settings)
        ids = self.choose(layout, [one for one in listed if one not in failed], settings.report.pictures)
        parts: list[Part] = ["tags"]
        parts += ["saliency"] if layout.saliency.is_dir() else []
        parts += ["mask"] if layout.masks.is_dir() else []
        samples = readable_samples(ListedImages(layout, listed, parts), ids)
        folder = self.labels.report_folder(settings)
        # Kinds of label maps may be made from maps of their own, as the rounds of a method are.
        cams = {
            self.labels.maps.folder(kind): self.cams(kind, layout, list(samples), split)
            for kind in [settings, *self.kinds(settings)]
        }
        for place, (image_id, sample) in enumerate(samples.items()):
            of_image = {source: found[place] for source, found in cams.items()}
            pictured = Pictured(sample, listed.index(image_id), of_image[self.labels.maps.folder(settings)])
            write_example(folder, Example(image_id, list(self.all_panels(settings, layout, pictured, of_image))))
        write_class_names(folder, layout.classes)
        print(f"pictures: {folder / 'examples'}")
        return 0

    def failed(self, settings: Any) -> set[str]:
        """Images without maps or label maps, as their stages failed with them."""
        kinds = [settings, *self.kinds(settings)]
        folders = [folder for kind in kinds for folder in (self.labels.maps.folder(kind), self.labels.folder(kind))]
        return {image_id for folder in folders for image_id in read_failures(folder)}

    def cams(self, settings: Any, layout: DatasetLayout, ids: Sequence[str], split: str) -> list[Cams]:
        maps = self.labels.maps
        if split != settings.split and isinstance(maps, Maps):
            return maps.of_images(settings, layout, ids)
        read = self.labels.map_reader(settings)
        return [read(image_id) for image_id in ids]

    def all_panels(
        self, settings: Any, layout: DatasetLayout, pictured: Pictured, cams: Mapping[Path, Cams]
    ) -> Iterator[Panel]:
        """Image, truth, saliency, the method's own, a map per tag, every kind of label map, what comes last.

        Args:
            cams: folder of maps -> the image's, for every kind of label map.
        """
        sample = pictured.sample
        yield Panel("image", sample["image"])
        if "mask" in sample:
            yield Panel("ground truth", label_overlay(sample["image"], sample["mask"]))
        if "saliency" in sample:
            yield Panel("saliency", sample["saliency"])
        yield from self.panels(settings, layout, pictured)
        # A rule that looks at label maps alone has tags without maps.
        found = pictured.cams
        for key, heat in zip(found.keys, found.maps, strict=True) if found.maps.size else ():
            yield Panel(f"CAM: {layout.classes[key]}", map_overlay(sample["image"], heat))
        for kind in self.kinds(settings):
            chosen = self.labels.chosen(kind)
            maker = self.labels.maker(chosen, self.labels.layout(chosen))
            label_map = maker.rule(maker.evidence(sample["id"], cams[self.labels.maps.folder(kind)]))
            row, column = self.labels.row(chosen), self.labels.column(chosen)
            yield Panel(f"{column}: {row}", label_overlay(sample["image"], label_map))
        yield from self.last(settings, layout, pictured)


def map_overlay(image: npt.NDArray[np.uint8], heat: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """The positive part of a map h x w over an image uint8 H x W x 3; a map that exceeds 1 is divided by its maximum."""
    clipped = np.clip(heat, 0, None).astype(np.float32)
    positive = clipped / np.float32(max(1.0, float(clipped.max(initial=0))))
    size = (image.shape[1], image.shape[0])
    same = heat.shape == image.shape[:2]
    enlarged = positive if same else cv2.resize(positive, size, interpolation=cv2.INTER_LINEAR)
    return cam_overlay(image, np.clip(enlarged, 0, 1))


def readable_samples(images: ListedImages, ids: Sequence[str]) -> dict[str, Sample]:
    """id -> sample of those images that can be read; the others are named.

    Raises:
        DataError: none of them can.
    """
    samples: dict[str, Sample] = {}
    failed: dict[str, DataError] = {}
    for image_id in ids:
        try:
            samples[image_id] = images.read(image_id)
        except DataError as error:
            failed[image_id] = error
    for image_id, reason in failed.items():
        if not samples:
            raise reason
        print(f"pictures: {image_id} is not shown: {reason}", file=sys.stderr, flush=True)
    return samples
