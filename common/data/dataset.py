"""Samples of a listed dataset as dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from torch.utils.data import Dataset

from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.orientation_check import orientation_remark
from common.data.sampling import Sample
from common.errors import DataError

Part = Literal["mask", "saliency", "tags"]


class ListedImages(Dataset[Sample]):
    """Images of a list with the parts asked for.

    A sample holds ``id`` (str), ``image`` (uint8, H x W x 3, RGB) and, as asked, ``mask`` (uint8, H x W), ``saliency``
    (uint8, H x W) and ``tags`` (float32, C).

    Args:
        layout: where the files are.
        ids: the list.
        parts: what to read besides the image.
        mask_path: where masks come from, e.g. a folder of pseudo labels; default: the dataset's own.

    Raises:
        DataError: at construction when ids lack tags; on reading when a file is missing, unreadable or of another
            size than its image.
    """

    def __init__(
        self,
        layout: DatasetLayout,
        ids: Sequence[str],
        parts: Collection[Part] = (),
        mask_path: Callable[[str], Path] | None = None,
    ) -> None:
        if not ids:
            raise DataError(f"the list of images of {layout.root} is empty")
        self.layout = layout
        self.ids = list(ids)
        self.parts = frozenset(parts)
        if "saliency" in self.parts:
            # Found out here, once, and not by every process that loads images.
            _ = layout.saliency_top
        self.mask_path = mask_path or layout.mask_path
        # A list may name an image several times.
        self.tags: Mapping[str, np.ndarray] = (
            layout.read_tags(list(dict.fromkeys(self.ids))) if "tags" in self.parts else {}
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        return self.read(self.ids[index])

    def read(self, image_id: str) -> Sample:
        """The sample of ``image_id``, as the class describes it."""
        upright, maps = self.layout.upright, {}
        # Before the image: where a stage has not made them because it cannot be read, they say so.
        if "mask" in self.parts:
            maps["mask"] = read_label_map(self.mask_path(image_id), upright)
        if "saliency" in self.parts:
            maps["saliency"] = self.layout.read_saliency(image_id)
        path = self.layout.image_path(image_id)
        sample: Sample = {"id": image_id, "image": read_image(path, upright), **maps}
        if "tags" in self.parts:
            sample["tags"] = self.tags[image_id]
        require_same_size(sample, path, upright)
        return sample


def require_same_size(sample: Sample, path: Path, upright: bool) -> None:
    """Raise :class:`DataError` when a map of ``sample`` has another size than its image, which was read from ``path``."""
    size = sample["image"].shape[:2]
    for part in ("mask", "saliency"):
        if part in sample and sample[part].shape[:2] != size:
            other = "x".join(map(str, sample[part].shape[:2]))
            raise DataError(
                f"{sample['id']}: the {part} is {other} but the image is {size[0]}x{size[1]} (height x width); make them the "
                f"same size{orientation_remark(path, upright)}"
            )


def with_saliency(layout: DatasetLayout, ids: Sequence[str]) -> ListedImages:
    """Images with tags and saliency maps; raises :class:`DataError` at once where the folder of the maps is missing."""
    if not layout.saliency.is_dir():
        raise DataError(
            f"no saliency maps: folder {layout.saliency} does not exist; put them there or set data.saliency"
        )
    return ListedImages(layout, ids, ("tags", "saliency"))
