"""Images per second of the fusion, and of masks with their CRF, against one image, scale and mirror image at a time:
``python smaf/measure_fusion.py``."""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from common.bench.cam import N_CLASSES, SCALES, GeneratedImages, compare_cams, with_statistics
from common.bench.comparison import Comparison
from common.bounds import MOST_PROCESSES, add_number
from common.cam.files import Cams
from common.cores import map_on_cores, torch_threads
from common.crf.inference import dense_crf
from common.crf.recipes import crf_recipe
from common.data.sampling import Sample
from common.errors import ToolboxError, run_command
from common.models.backbones import BackboneConfig
from common.pseudo_labels.labels import LabelMap, pseudo_label
from common.pseudo_labels.rule import CamRule, Evidence, LabelConfig
from smaf.network import build_network

FIXED_THRESHOLD = 0.2


def generated_maps(sample: Sample) -> Cams:
    """Maps of the tagged classes of a generated image, K x H x W in 0..1: each of its colours, smoothly cut off."""
    keys = np.flatnonzero(sample["tags"])
    channels = sample["image"].astype(np.float32).transpose(2, 0, 1)[: len(keys)] / 255
    return Cams(keys, channels / (channels.max((1, 2), keepdims=True) + 1e-5))


def mask_one_at_a_time(sample: Sample, cams: Cams) -> LabelMap:
    """The published way: the argmax with a constant background, pydensecrf with all labels, one image after the other."""
    background = np.full(cams.maps.shape[1:], FIXED_THRESHOLD, np.float32)
    recipe = crf_recipe("smaf")
    energies = recipe.label_energies(pseudo_label(cams.maps, cams.keys, background), N_CLASSES + 1)
    refined = dense_crf(sample["image"], energies, recipe.settings, engine="pydensecrf")
    return np.asarray(refined.argmax(0), np.uint8)


def compare_masks(images: GeneratedImages, repeats: int) -> tuple[Comparison, float]:
    """Make all masks in turns with this toolbox and in the published way.

    Returns:
        the median times, and the share of equal pixels.
    """
    samples = [images.read(image_id) for image_id in images.ids]
    maps = [generated_maps(sample) for sample in samples]
    rule = CamRule(LabelConfig(threshold=FIXED_THRESHOLD, crf="label_all"), N_CLASSES + 1)

    def own(place: int) -> LabelMap:
        return rule(Evidence(images.ids[place], maps[place], samples[place]["image"]))

    def published(place: int) -> LabelMap:
        return mask_one_at_a_time(samples[place], maps[place])

    own(0)  # The first CRF of a process compiles.
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        start = time.perf_counter()
        ours = map_on_cores(own, range(len(samples)))
        middle = time.perf_counter()
        theirs = [published(place) for place in range(len(samples))]
        times[0].append(middle - start)
        times[1].append(time.perf_counter() - middle)
    equal = float(np.mean([np.mean(one == other) for one, other in zip(ours, theirs, strict=True)]))
    if equal < 0.995:
        raise ToolboxError(f"only {100 * equal:.2f} % of the pixels are equal; this is a defect of the toolbox")
    work, peer = f"masks with CRF of {len(samples)} images", "pydensecrf, one image at a time"
    return Comparison(work, statistics.median(times[0]), peer, statistics.median(times[1])), equal


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_number(parser, "--images", 8, "number of generated images (default: %(default)s)", least=1, most=10**6)
    parser.add_argument("--backbone", default="resnet38", help="as backbone.name of a configuration (%(default)s)")
    add_number(parser, "--width", 0.25, "factor on the backbone's channels (%(default)s)", above=0, most=16)
    add_number(parser, "--repeats", 3, "times each is run, in turns; the median counts", least=1, most=10000)
    add_number(parser, "--threads", torch.get_num_threads(), "CPU threads (%(default)s)", least=1, most=MOST_PROCESSES)
    arguments = parser.parse_args(argv)
    images = GeneratedImages(arguments.images)
    torch.manual_seed(0)
    stride = 8 if arguments.backbone == "resnet38" else 16
    backbone = BackboneConfig(name=arguments.backbone, width=arguments.width, output_stride=stride)
    network = with_statistics(build_network(backbone, N_CLASSES, "projection"))
    with torch_threads(arguments.threads):
        fusion, difference = compare_cams(network, arguments.backbone, images, SCALES, arguments.repeats)
        masks, equal = compare_masks(images, arguments.repeats)
    for comparison in (fusion, masks):
        print(comparison.text())
        print(comparison.rates(arguments.images, arguments.threads))
    print(f"largest difference of the fused maps: {difference:.1e}; equal pixels of the masks: {100 * equal:.3f} %")


if __name__ == "__main__":
    run_command(main)
