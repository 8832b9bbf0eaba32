"""Saliency maps per second, batched as the stage makes them, against one image at a time through the whole network:
``python sod_wsss/measure_prediction.py [--encoder swin-base]``."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from common.bench.cam import GeneratedImages, with_statistics
from common.bench.comparison import Comparison
from common.bounds import MOST_IMAGES, add_number
from common.data.sampling import Sample
from common.errors import ToolboxError, run_command
from sod_wsss.saliency_data import SaliencySquares
from sod_wsss.saliency_encoders import EncoderConfig, build_encoder
from sod_wsss.saliency_network import SaliencyNetwork
from sod_wsss.saliency_stages import SaliencyMaps, map_of_logits

SIDE = 224
FURTHEST_APART = 1e-3
SaliencyMap = np.ndarray


@torch.inference_mode()
def whole_network(network: SaliencyNetwork, sample: Sample) -> SaliencyMap:
    """The published way: all four maps and the edges of one image, of which the first map is used."""
    logits = network(sample["image"][None]).maps[0]
    return map_of_logits(logits, sample["size"], False)[0].numpy()


Work = Callable[[], list[SaliencyMap]]


def seconds_in_turns(ways: Sequence[Work], repeats: int) -> tuple[list[float], list[list[SaliencyMap]]]:
    """Median seconds of each way, which take turns, after a turn that is not counted; and what they made."""
    made = [way() for way in ways]
    times: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, seconds in zip(ways, times, strict=True):
            begun = time.perf_counter()
            way()
            seconds.append(time.perf_counter() - begun)
    return [statistics.median(seconds) for seconds in times], made


def compare_prediction(encoder: str, count: int, batch_size: int, repeats: int) -> Comparison:
    """Make the maps of generated images in both ways.

    Raises:
        ToolboxError: they differ.
    """
    torch.manual_seed(0)
    network = with_statistics(SaliencyNetwork(build_encoder(EncoderConfig(encoder), SIDE), SIDE))
    images = GeneratedImages(count)
    load = SaliencySquares(images, SIDE)
    samples = [load(image_id) for image_id in images.ids]
    maps = SaliencyMaps(network, torch.device("cpu"), min_max=False, mirrored=False)

    def batched() -> list[SaliencyMap]:
        groups = [samples[start : start + batch_size] for start in range(0, count, batch_size)]
        return [one for group in groups for one in maps(group)]

    def single() -> list[SaliencyMap]:
        return [whole_network(network, sample) for sample in samples]

    (own, peer), (made, expected) = seconds_in_turns((batched, single), repeats)
    furthest = max(float(np.abs(one - other).max()) for one, other in zip(made, expected, strict=True))
    if furthest > FURTHEST_APART:
        raise ToolboxError(f"the maps of the two ways differ by {furthest}; this is a defect of the toolbox")
    return Comparison(f"{encoder}, {count} images in batches of {batch_size}", own, "one at a time", peer)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="measure_prediction.py", description=__doc__)
    parser.add_argument("--encoder", nargs="+", default=["mobilenet_v2"], help="encoders (default mobilenet_v2)")
    add_number(parser, "--images", 32, "how many (%(default)s)", least=1, most=10**6)
    add_number(
        parser, "--batch-size", 8, "images that pass the network together (%(default)s)", least=1, most=MOST_IMAGES
    )
    add_number(parser, "--repeats", 3, "times each is run; the median counts", least=1, most=10000)
    given = parser.parse_args(argv)
    for encoder in given.encoder:
        compared = compare_prediction(encoder, given.images, given.batch_size, given.repeats)
        print(compared.text())
        print(compared.rates(given.images, torch.get_num_threads()))
    return 0


if __name__ == "__main__":
    run_command(main)
