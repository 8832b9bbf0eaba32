"""Time the engines of the dense CRF against pydensecrf: ``python -m common.crf.bench``."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from common.bounds import LONGEST_SIDE, add_number
from common.cores import torch_threads
from common.crf.inference import dense_crf
from common.crf.presets import PRESETS, CrfSettings, crf_preset
from common.crf.unary import unary_from_probabilities
from common.data.images import IMAGE_SUFFIXES, read_image
from common.errors import ConfigError, DataError, run_command

N_LABELS = (21, 4, 2)
BATCH_SIZE = 8
SIZE = (375, 500)

Images = npt.NDArray[np.uint8]
Energies = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """One engine on one kind of images.

    Attributes:
        seconds: per image.
        reference_seconds: of pydensecrf on one core, per image.
        agreement: share of the pixels with the label of pydensecrf.
        difference: largest difference of Q.
    """

    name: str
    seconds: float
    reference_seconds: float
    agreement: float
    difference: float

    def text(self) -> str:
        return (
            f"  {self.name:34} {1 / self.seconds:8.2f} images/s {1000 * self.seconds:8.1f} ms  "
            f"{self.reference_seconds / self.seconds:6.1f} x pydensecrf  "
            f"labels equal {100 * self.agreement:.4f} %, Q within {self.difference:.1e}"
        )


def generated_images(count: int, size: tuple[int, int] = SIZE) -> list[Images]:
    """Coloured ellipses with soft shading and noise, uint8 HxWx3; as many lattice vertices as photographs have."""
    images = []
    for number in range(count):
        rng = np.random.default_rng(number)
        coarse = rng.integers(30, 226, (size[0] // 48 + 2, size[1] // 48 + 2, 3)).astype(np.float32)
        image = cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
        for _ in range(6):
            centre = (int(rng.integers(size[1])), int(rng.integers(size[0])))
            axes = (
                int(rng.integers(min(20, size[1] // 8), size[1] // 4)),
                int(rng.integers(min(20, size[0] // 8), size[0] // 4)),
            )
            colour = [float(value) for value in rng.integers(0, 256, 3)]
            cv2.ellipse(image, centre, axes, float(rng.integers(180)), 0, 360, colour, -1)
        images.append(np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8))
    return images


def photographs(folder: Path, count: int) -> list[Images]:
    """The first ``count`` images of a folder, uint8 HxWx3, RGB.

    Raises:
        DataError: there is none.
    """
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES][:count]
    if not paths:
        raise DataError(f"no image in {folder}")
    return [read_image(path) for path in paths]


def energies_of(image: Images, n_labels: int, number: int) -> Energies:
    """Energies of the probabilities that a network of output stride 8 may give, float32 [C, H, W]."""
    height, width = image.shape[:2]
    generator = torch.Generator().manual_seed(number)
    coarse = 2 * torch.randn(1, n_labels, height // 32 + 2, width // 32 + 2, generator=generator)
    fine = torch.randn(1, n_labels, height // 8 + 1, width // 8 + 1, generator=generator)
    logits = sum(torch.nn.functional.interpolate(part, (height, width), mode="bilinear") for part in (coarse, fine))
    assert isinstance(logits, Tensor)
    return unary_from_probabilities(logits.softmax(dim=1)[0].numpy())


def compare(
    images: Sequence[Images], n_labels: int, settings: CrfSettings, repeats: int, devices: Sequence[str]
) -> list[Line]:
    """Every engine on the same images (uint8 HxWx3), in turns; the median of ``repeats`` counts."""
    unaries = [energies_of(image, n_labels, number) for number, image in enumerate(images)]
    work: dict[str, Callable[[], list[Energies]]] = {
        "pydensecrf, 1 core": lambda: [
            dense_crf(image, unary, settings, "pydensecrf") for image, unary in zip(images, unaries, strict=True)
        ],
        "torch, 1 core": lambda: [
            dense_crf(image, unary, settings) for image, unary in zip(images, unaries, strict=True)
        ],
    }
    for device in devices:
        work[f"torch, {device}, batches of {BATCH_SIZE}"] = on_device(images, unaries, settings, device)
    times: dict[str, list[float]] = {name: [] for name in work}
    results: dict[str, list[Energies]] = {}
    with torch_threads(1):
        for function in work.values():
            function()
        for _ in range(repeats):
            for name, function in work.items():
                start = time.perf_counter()
                results[name] = function()
                times[name].append((time.perf_counter() - start) / len(images))
    reference, *_ = results.values()
    reference_seconds = statistics.median(times["pydensecrf, 1 core"])
    return [
        Line(name, statistics.median(times[name]), reference_seconds, *agreement(results[name], reference))
        for name in work
    ]


def on_device(
    images: Sequence[Images], unaries: Sequence[Energies], settings: CrfSettings, device: str
) -> Callable[[], list[Energies]]:
    """Gives Q float32 [C, H, W] of each image uint8 HxWx3, by batches of one size that lie on the device already."""
    sizes = {image.shape for image in images}
    groups = [[number for number, image in enumerate(images) if image.shape == size] for size in sizes]
    chosen = [group[start : start + BATCH_SIZE] for group in groups for start in range(0, len(group), BATCH_SIZE)]
    inputs = [
        tuple(
            torch.from_numpy(np.stack([source[number] for number in batch])).to(device) for source in (images, unaries)
        )
        for batch in chosen
    ]

    def run() -> list[Energies]:
        q: list[Energies] = [np.empty(0, np.float32)] * len(images)
        for batch, (image, unary) in zip(chosen, inputs, strict=True):
            for number, one in zip(batch, dense_crf(image, unary, settings).cpu().numpy(), strict=True):
                q[number] = one
        return q

    return run


def agreement(q: Sequence[Energies], reference: Sequence[Energies]) -> tuple[float, float]:
    """Share of pixels with the same label, and the largest difference, of Q: float32 [C, H, W] in 0..1 per image."""
    same = [(own.argmax(axis=0) == other.argmax(axis=0)).mean() for own, other in zip(q, reference, strict=True)]
    difference = max(float(np.abs(own - other).max()) for own, other in zip(q, reference, strict=True))
    return float(np.mean(same)), difference


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.crf.bench", description=__doc__)
    parser.add_argument("--images", type=Path, help="folder of photographs, timed besides the generated images")
    add_number(parser, "--count", 4, "images of each kind (%(default)s)", least=1, most=10000)
    add_number(
        parser, "--size", SIZE, "height and width of generated images (375 500)", nargs="+", least=1, most=LONGEST_SIDE
    )
    add_number(parser, "--labels", N_LABELS, "numbers of labels (21 4 2)", nargs="+", least=1, most=255)
    parser.add_argument("--preset", choices=PRESETS, nargs="+", default=("deeplab", "cam"), help="constants")
    add_number(parser, "--repeats", 3, "times each is run, in turns; the median counts", least=1, most=10000)
    arguments = parser.parse_args(argv)
    if len(arguments.size) != len(SIZE):
        raise ConfigError("--size takes height and width")
    height, width = arguments.size
    kinds = {f"generated {width}x{height}": generated_images(arguments.count, (height, width))}
    if arguments.images:
        kinds[f"photographs of {arguments.images.name}"] = photographs(arguments.images, arguments.count)
    devices = [f"cuda:{number}" for number in range(torch.cuda.device_count())][:1]
    if not devices:
        print("no CUDA device: the CPU alone is measured")
    for kind, images in kinds.items():
        for preset in arguments.preset:
            for n_labels in arguments.labels:
                print(f"{len(images)} {kind} images, {n_labels} labels, constants of {preset}")
                for line in compare(images, n_labels, crf_preset(preset), arguments.repeats, devices):
                    print(line.text(), flush=True)


if __name__ == "__main__":
    run_command(main)
