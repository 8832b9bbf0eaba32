"""Time multi-scale CAMs with mirror images against the loop of PSA, SEAM and EPS, on generated images of VOC's sizes."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from common.bench.comparison import Comparison
from common.bounds import LARGEST_SCALE, MOST_PROCESSES, add_number
from common.cam.inference import CamConfig, CamInference, ClassMapNetwork, PyramidLoader
from common.cores import torch_threads
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.engine.session import choose_device
from common.errors import ToolboxError, run_command
from common.models.backbones import BackboneConfig, build_backbone
from common.models.classifier import CamClassifier

N_IMAGES, N_CLASSES = 24, 20
SCALES = (0.5, 1.0, 1.5, 2.0)
# Height and width; of VOC's images about a half have the first size and a fifth the second.
SIZES = ((375, 500), (500, 375), (375, 500), (333, 500), (375, 500), (334, 500), (375, 500), (500, 333))
TOLERANCE = 1e-3
CPU = torch.device("cpu")

Maps = npt.NDArray[np.float32]
Network = TypeVar("Network", bound=nn.Module)


class GeneratedImages:
    """Images of a few coloured ellipses on noise, with one to three tags; ids are numbers."""

    def __init__(self, count: int, sizes: Sequence[tuple[int, int]] = SIZES) -> None:
        self.ids = [str(number) for number in range(count)]
        self.samples = {identifier: generated_sample(int(identifier), sizes) for identifier in self.ids}

    def read(self, image_id: str) -> Sample:
        """The sample of an id, see :func:`generated_sample`."""
        return self.samples[image_id]


def generated_sample(number: int, sizes: Sequence[tuple[int, int]]) -> Sample:
    """``id``, ``image`` (uint8, H x W x 3) and ``tags`` (float32, C) of the image of a number."""
    rng = np.random.default_rng(number)
    height, width = sizes[number % len(sizes)]
    coarse = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(1, 5)):
        centre, axes = (tuple(int(rng.integers(limit // 8, limit)) for limit in (width, height)) for _ in range(2))
        cv2.ellipse(image, centre, axes, float(rng.integers(180)), 0, 360, rng.integers(0, 256, 3).tolist(), -1)
    tags = np.zeros(N_CLASSES, np.float32)
    tags[rng.choice(N_CLASSES, rng.integers(1, 4), replace=False)] = 1
    return {"id": str(number), "image": image, "tags": tags}


def random_classifier(backbone: BackboneConfig) -> CamClassifier:
    """A classifier in eval mode whose BatchNorm layers do something, as after a training."""
    torch.manual_seed(0)
    return with_statistics(CamClassifier(build_backbone(backbone), N_CLASSES))


def with_statistics(network: Network) -> Network:
    """The network in eval mode with other BatchNorm statistics than the first ones, which change nothing."""
    network.eval()
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and layer.running_var is not None:
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return network


def one_at_a_time(
    network: ClassMapNetwork, sample: Sample, scales: Sequence[float], device: torch.device = CPU
) -> Maps:
    """CAMs of one image as PSA, SEAM and EPS compute them: every scale of the image and its mirror
    image alone through the network in eager mode, all classes brought to image size, multiplied by the tags and summed.

    Returns:
        float32 C x H x W in 0..1, zero where a class is not tagged.
    """
    image, tags = sample["image"], sample["tags"]
    height, width = image.shape[:2]
    to_tensors, maps = ToTensors(), []
    for scale in scales:
        size = (round(width * scale), round(height * scale))
        scaled = to_tensors.image(np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)))
        for mirrored in (False, True):
            with torch.no_grad():
                cam = network.class_maps((scaled.flip(2) if mirrored else scaled)[None].to(device)).relu()
                cam = nn.functional.interpolate(cam, (height, width), mode="bilinear", align_corners=False)[0]
            tagged = cam.cpu().numpy() * tags[:, None, None]
            maps.append(np.flip(tagged, 2) if mirrored else tagged)
    total = np.sum(maps, axis=0)
    normalised: Maps = total / (total.max(axis=(1, 2), keepdims=True) + 1e-5)
    return normalised


def compare_cams(
    network: nn.Module,
    name: str,
    images: GeneratedImages,
    scales: Sequence[float] = SCALES,
    repeats: int = 3,
    device: torch.device = CPU,
) -> tuple[Comparison, float]:
    """Compute all CAMs alternately with :class:`CamInference` and with the peer, from decoded images in one process.

    Args:
        network: in eval mode on ``device``, with ``class_maps`` (see :class:`common.cam.inference.ClassMapNetwork`).
        name: of the network, for the text.

    Returns:
        the median times, and the largest difference between two values of the maps.

    Raises:
        ToolboxError: the two disagree by more than ``TOLERANCE``.
    """
    config = CamConfig(scales=list(scales))
    load, compute = PyramidLoader(images, config), CamInference(network, config, device)
    batches = [images.ids[start : start + config.batch_size] for start in range(0, len(images.ids), config.batch_size)]

    def ours() -> list[Maps]:
        cams = [cam for batch in batches for cam in compute([load(identifier) for identifier in batch])]
        return [cam.maps for cam in cams]

    def peer() -> list[Maps]:
        return [
            one_at_a_time(cast(ClassMapNetwork, network), images.read(identifier), scales, device)
            for identifier in images.ids
        ]

    times: tuple[list[float], list[float]] = ([], [])
    differences: list[float] = []
    for _ in range(repeats):
        own_maps, peer_maps = timed(ours, times[0]), timed(peer, times[1])
        for identifier, own, other in zip(images.ids, own_maps, peer_maps, strict=True):
            tagged = other[np.flatnonzero(images.read(identifier)["tags"])]
            differences.append(float(np.abs(own - tagged).max()))
    # Not Python's max, which may pass over NaN.
    difference = float(np.max(differences))
    if not difference <= TOLERANCE:
        raise ToolboxError(f"the CAMs differ by {difference:.2g} from the peer's; this is a defect of the toolbox.")
    work = f"CAMs of {len(images.ids)} images, {name}, scales {', '.join(f'{scale:g}' for scale in scales)}"
    peer_name = "one image, scale and mirror image at a time (PSA, SEAM, EPS)"
    return Comparison(work, statistics.median(times[0]), peer_name, statistics.median(times[1])), difference


def timed(function: Callable[[], list[Maps]], seconds: list[float]) -> list[Maps]:
    """The function's result, float32 K x H x W in 0..1 of each image; its time is appended to ``seconds``."""
    start = time.perf_counter()
    result = function()
    seconds.append(time.perf_counter() - start)
    return result


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.bench cam", description=__doc__)
    add_number(parser, "--images", N_IMAGES, "number of images (default: %(default)s)", least=1, most=10**6)
    add_number(parser, "--scales", SCALES, "factors of the image's size", nargs="+", above=0, most=LARGEST_SCALE)
    parser.add_argument("--backbone", default="resnet50", help="as backbone.name of a configuration (%(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    add_number(parser, "--threads", torch.get_num_threads(), "CPU threads (%(default)s)", least=1, most=MOST_PROCESSES)
    add_number(parser, "--repeats", 3, "times each is run, in turns; the median counts", least=1, most=10000)
    arguments = parser.parse_args(argv)
    with torch_threads(arguments.threads):
        device = choose_device(arguments.device, 0)
        network = random_classifier(BackboneConfig(name=arguments.backbone)).to(device)
        images = GeneratedImages(arguments.images)
        comparison, difference = compare_cams(
            network, arguments.backbone, images, arguments.scales, arguments.repeats, device
        )
    print(comparison.text())
    print(comparison.rates(arguments.images, arguments.threads))
    print(f"largest difference of the maps: {difference:.1e}")


if __name__ == "__main__":
    run_command(main)
