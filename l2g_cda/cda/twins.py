"""Training items in pairs: an image, and the same image with an object of another class pasted into it."""

from __future__ import annotations

from random import Random

import numpy as np
import torch

from common.data.sampling import IndexedSamples, Sample, SampleFailure, SampleKey, SeededDataset, sample_rng
from common.errors import DataError
from l2g_cda.cda.bank import ForegroundBank
from l2g_cda.cda.objects import Bytes, Foreground
from l2g_cda.cda.placement import Placement, least_overlap, paste, place
from l2g_cda.data.settings import CdaConfig
from l2g_cda.data.views import ViewMaker


class PastedTwins(SeededDataset):
    """Every index gives ``{"pasted": view, "original": view}``, each with boxes, cut and colours of its own.

    The pasted twin of sample ``i`` has the random numbers of sample ``n + i``: the original is the same with and without
    its twin. Their first draws are the class (uniform among those that the image lacks and the bank has) and the object
    (uniform within the class). An image that lacks no class of the bank gives its twin without anything pasted.

    Before ``config.first_epoch`` an index gives the plain view alone.
    """

    def __init__(
        self, images: IndexedSamples, make_view: ViewMaker, seed: int, bank: ForegroundBank, config: CdaConfig
    ) -> None:
        super().__init__(images, make_view, seed)
        self.bank = bank
        self.config = config

    def __getitem__(self, key: SampleKey) -> Sample | SampleFailure:
        if key.epoch < self.config.first_epoch:
            return super().__getitem__(key)
        try:
            return self.twins(self.samples[key.index], key)
        except DataError as error:
            return SampleFailure(str(error))

    def twins(self, sample: Sample, key: SampleKey) -> Sample:
        """Both views of ``sample``; their tags as ``config.labels`` says (defect D2)."""
        sample = sample | {"tags": self.tags_before(sample["tags"], key)}
        rng = self.twin_rng(key.epoch, key.index)
        chosen = self.draw_object(sample["tags"], rng)
        original = self.transform(sample, sample_rng(self.seed, key.epoch, key.index))
        if chosen is None:
            return {"pasted": self.transform(sample, rng), "original": original}
        number, foreground = chosen
        pasted = self.transform(self.with_object(sample, number, foreground, rng), rng)
        if self.config.labels != "repaired":
            # The published code changes the vector that both twins share; the patches' tags are copied before.
            original["tags"] = torch.maximum(original["tags"], pasted["tags"])
        return {"pasted": pasted, "original": original}

    def draw_object(self, tags: np.ndarray, rng: Random) -> tuple[int, Foreground] | None:
        """A class that the image lacks and one of its objects, or None when the bank has no such class."""
        candidates = self.bank.absent_classes(tags)
        if not candidates:
            return None
        number = candidates[rng.randrange(len(candidates))]
        objects = self.bank.objects[number]
        return number, objects[rng.randrange(len(objects))]

    def with_object(self, sample: Sample, number: int, foreground: Foreground, rng: Random) -> Sample:
        """The sample with the object in its image, its saliency and its tags."""
        placement = self.placement(sample["saliency"], foreground, rng)
        image, merged = paste(sample["image"], sample["saliency"], placement, self.config.channels)
        return sample | {"image": image, "saliency": merged, "tags": with_class(sample["tags"], number)}

    def placement(self, saliency: Bytes, foreground: Foreground, rng: Random) -> Placement:
        """Where the object goes in an image with this saliency map (uint8, H x W)."""
        config = self.config
        return least_overlap(lambda: place(foreground, saliency, config, rng), config.max_overlap, config.attempts)

    def tags_before(self, tags: np.ndarray, key: SampleKey) -> np.ndarray:
        """The tags that the published code holds for the image when ``key.epoch`` begins.

        They grow only in a single process; its draws of the earlier epochs are made again, so that a resumed training
        sees the same.
        """
        if self.config.labels == "growing":
            for epoch in range(self.config.first_epoch, key.epoch):
                chosen = self.draw_object(tags, self.twin_rng(epoch, key.index))
                tags = tags if chosen is None else with_class(tags, chosen[0])
        return tags

    def twin_rng(self, epoch: int, index: int) -> Random:
        return sample_rng(self.seed, epoch, len(self) + index)


def with_class(tags: np.ndarray, number: int) -> np.ndarray:
    """A copy of the tags [C] with class ``number`` present."""
    merged = tags.copy()
    merged[number] = 1
    return merged
