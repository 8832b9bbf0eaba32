"""Training and test items (deeplabv2 spec, sections 4.2 and 4.3)."""

from __future__ import annotations

from pathlib import Path

from common.data.dataset import ListedImages
from common.data.layout import DatasetLayout
from common.data.sampling import Sample, SeededDataset
from common.data.transforms import (
    MEAN_COLOUR,
    Compose,
    PadToSize,
    RandomCrop,
    RandomFlip,
    RandomScale,
    ResizeLongSide,
    ToTensors,
)
from common.errors import DataError
from deeplabv2.settings import DeepLabConfig


class LabelFolder:
    """``id -> path`` in a folder of training masks (picklable)."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"DATASET.LABEL_DIR {folder} is not a folder; make the pseudo labels first")

    def __call__(self, image_id: str) -> Path:
        return self.folder / f"{image_id}.png"


class CheckedMasks(ListedImages):
    """Listed images whose mask values are checked against the number of labels.

    Raises:
        DataError: on reading a mask with a value that is neither a label nor the ignore label.
    """

    n_labels = 0
    ignore_label = 255

    def read(self, image_id: str) -> Sample:
        sample = super().read(image_id)
        mask = sample["mask"]
        wrong = mask[(mask >= self.n_labels) & (mask != self.ignore_label)]
        if wrong.size:
            raise DataError(
                f"{self.mask_path(image_id)} has the value {wrong[0]}; labels are 0..{self.n_labels - 1} and {self.ignore_label} (ignore)"
            )
        return sample


def training_data(config: DeepLabConfig, layout: DatasetLayout) -> SeededDataset:
    """Scale, pad, crop, flip, normalise; masks from LABEL_DIR where it is set."""
    masks = LabelFolder(config.DATASET.LABEL_DIR) if config.DATASET.LABEL_DIR else None
    images = CheckedMasks(layout, layout.ids("train"), parts={"mask"}, mask_path=masks)
    images.n_labels, images.ignore_label = config.DATASET.N_CLASSES, config.DATASET.IGNORE_LABEL
    size = config.IMAGE.SIZE
    base = [ResizeLongSide(size.BASE)] if size.BASE else []
    transform = Compose(
        [
            *base,
            RandomScale(config.DATASET.SCALES),
            PadToSize(size.TRAIN, MEAN_COLOUR, config.DATASET.IGNORE_LABEL),
            RandomCrop(size.TRAIN),
            RandomFlip(),
            ToTensors(),
        ]
    )
    return SeededDataset(images, transform, config.RUN.SEED)
