"""Time training items from JPEG and PNG to tensors against the loader of deeplab-pytorch, on generated photographs of VOC's sizes."""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from common.bench.cam import generated_sample
from common.bench.comparison import Comparison
from common.bench.evaluate import ellipses
from common.bounds import LONGEST_SIDE, MOST_PROCESSES, add_number
from common.cores import torch_threads
from common.data.images import read_image, read_label_map
from common.data.palette import IGNORE_LABEL, write_label_map
from common.data.sampling import Sample
from common.data.scaled_crop import RandomScaledCrop
from common.data.transforms import Compose, RandomFlip, ToTensors
from common.errors import ToolboxError, run_command
from common.files import atomic_write

SIZE, QUALITY = (375, 500), 90
SCALES = (0.5, 0.75, 1.0, 1.25, 1.5)
MEAN_BGR = (104.008, 116.669, 122.675)
BATCH = 5
TOLERANCE = 1e-4


class OurItems(Dataset[Sample]):
    """What DeepLab-v2 reads of an image and its mask: BGR minus mean, float32 3 x crop x crop, and labels."""

    def __init__(self, folder: Path, count: int, crop: int) -> None:
        self.folder, self.count = folder, count
        convert = ToTensors([channel / 255 for channel in MEAN_BGR], [1 / 255] * 3)
        window = RandomScaledCrop(SCALES, crop, MEAN_BGR[::-1], in_float=True)
        self.transform = Compose([window, RandomFlip(), self.reversed_channels, convert])

    @staticmethod
    def reversed_channels(sample: Sample, rng: random.Random) -> Sample:
        return {**sample, "image": sample["image"][..., ::-1]}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Sample:
        image, mask = read_image(self.folder / f"{number}.jpg"), read_label_map(self.folder / f"{number}.png")
        sample = self.transform({"image": image, "mask": mask}, random.Random(number))
        return {"image": sample["image"], "mask": sample["mask"]}


class PeerItems(Dataset[Sample]):
    """The same as deeplab-pytorch makes it: the whole image as float32, minus the mean, scaled, padded, cut, mirrored."""

    def __init__(self, folder: Path, count: int, crop: int) -> None:
        self.folder, self.count, self.crop = folder, count, crop

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Sample:
        rng = random.Random(number)
        image: Any = np.asarray(cv2.imread(str(self.folder / f"{number}.jpg"), cv2.IMREAD_COLOR)).astype(np.float32)
        image -= np.array(MEAN_BGR, np.float32)
        label: Any = np.asarray(Image.open(self.folder / f"{number}.png"), np.int32)
        scale = rng.choice(SCALES)
        height, width = int(label.shape[0] * scale), int(label.shape[1] * scale)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        label = np.asarray(Image.fromarray(label).resize((width, height), Image.Resampling.NEAREST), np.int32)
        below, right = max(0, self.crop - height), max(0, self.crop - width)
        if below or right:
            border = (0, below, 0, right, cv2.BORDER_CONSTANT)
            image = cv2.copyMakeBorder(image, *border, value=(0.0, 0.0, 0.0))
            label = cv2.copyMakeBorder(label, *border, value=IGNORE_LABEL)
        top, left = (rng.randint(0, side - self.crop) for side in label.shape)
        window = slice(top, top + self.crop), slice(left, left + self.crop)
        image, label = image[window], label[window]
        if rng.random() < 0.5:
            image, label = np.fliplr(image), np.fliplr(label)
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        return {"image": torch.from_numpy(planes), "mask": torch.from_numpy(label.astype(np.int64))}


def write_photographs(folder: Path, count: int) -> None:
    """``<number>.jpg`` and ``<number>.png`` of VOC's most frequent size."""
    for number in range(count):
        image = Image.fromarray(generated_sample(number, [SIZE])["image"])
        atomic_write(folder / f"{number}.jpg", lambda file, image=image: image.save(file, "JPEG", quality=QUALITY))  # type: ignore[misc]
        mask = ellipses(np.random.default_rng(number))[: SIZE[0], : SIZE[1]]
        write_label_map(folder / f"{number}.png", np.ascontiguousarray(mask))


def compare_items(folder: Path, count: int, crop: int, workers: int, repeats: int) -> Comparison:
    """Read all items alternately with both; without workers in this process, one by one, else through a loader with batches.

    Raises:
        ToolboxError: the two disagree.
    """
    ours, peer = OurItems(folder, count, crop), PeerItems(folder, count, crop)
    for number in range(min(count, 10)):
        require_equal(ours[number], peer[number])
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for items, seconds in zip((ours, peer), times, strict=True):
            seconds.append(timed(read_all(items, workers)))
    how = f"{workers} workers" if workers else "in one process"
    work = f"{count} training items, crop {crop}, {how}"
    return Comparison(work, statistics.median(times[0]), "deeplab-pytorch's loader", statistics.median(times[1]))


def require_equal(ours: Sample, peer: Sample) -> None:
    """Raise :class:`ToolboxError` where the images differ by more than rounding, or the labels at all."""
    difference = float((ours["image"] - peer["image"]).abs().max())
    if not difference <= TOLERANCE or not torch.equal(ours["mask"], peer["mask"]):
        raise ToolboxError(f"the items differ by {difference:.2g} from the peer's; this is a defect of the toolbox.")


def read_all(items: Dataset[Sample], workers: int) -> Callable[[], None]:
    """Something that reads every item once."""
    loader: Any = items
    if workers:
        loader = DataLoader(items, BATCH, num_workers=workers, persistent_workers=True)
        next(iter(loader))

    def run() -> None:
        total = 0
        for number in range(len(loader)) if not workers else ():
            total += checked(loader[number])
        for batch in loader if workers else ():
            total += checked(batch)
        assert total

    return run


def checked(item: Sample) -> int:
    """Number of labels: the item is really there."""
    mask: Tensor = item["mask"]
    return mask.numel()


def timed(function: Callable[[], None]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.bench items", description=__doc__)
    add_number(parser, "--images", 200, "number of images (%(default)s)", least=1, most=10**6)
    add_number(parser, "--crop", 321, "side of the window (%(default)s)", least=1, most=LONGEST_SIDE)
    add_number(
        parser, "--workers", (0, 1, 2), "numbers of loading processes to try", nargs="+", least=0, most=MOST_PROCESSES
    )
    add_number(parser, "--repeats", 5, "times each is run, in turns; the median counts", least=1, most=10000)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, torch_threads(1):
        write_photographs(Path(folder), arguments.images)
        for workers in arguments.workers:
            comparison = compare_items(Path(folder), arguments.images, arguments.crop, workers, arguments.repeats)
            print(comparison.text())


if __name__ == "__main__":
    run_command(main)
