"""Seconds of the distance terms with their gradients, against a loop over the images: ``python i2crc/measure_terms.py``."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor

from common.bench.comparison import Comparison
from common.bounds import LONGEST_SIDE, MOST_IMAGES, add_number
from common.errors import ToolboxError, run_command
from i2crc.bench import noise_with_objects, terms_one_by_one
from i2crc.losses import RelationConfig, RelationTerms, relation_terms

MAP_STRIDE = 8


def gradient_of(terms_of: Callable[..., RelationTerms], maps: Tensor, saliency: Tensor, tags: Tensor) -> Tensor:
    """Of the sum of the terms, in the maps N x C x h x w."""
    leaf = maps.clone().requires_grad_()
    total = torch.stack([term.mean().float() for term in terms_of(leaf, saliency, tags, RelationConfig())]).sum()
    return torch.autograd.grad(total, leaf)[0]


def compare_terms(count: int, n_classes: int, side: int, repeats: int, double: bool) -> Comparison:
    """Both forms in turns; the median times.

    Args:
        double: the loop computes in double precision, as published.

    Raises:
        ToolboxError: their gradients differ.
    """
    batch = noise_with_objects(count, side, n_classes)
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(count, n_classes, side // MAP_STRIDE, side // MAP_STRIDE, generator=generator)
    saliency, tags = batch["saliency"], batch["tags"]

    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        start = time.perf_counter()
        ours = gradient_of(relation_terms, maps, saliency, tags)
        middle = time.perf_counter()
        theirs = gradient_of(partial(terms_one_by_one, double=double), maps, saliency, tags)
        times[0].append(middle - start)
        times[1].append(time.perf_counter() - middle)
    if (ours - theirs).abs().max() > 1e-3 * theirs.abs().max():
        raise ToolboxError("the two forms have different gradients; this is a defect of the toolbox")
    work = f"terms of {count} images, {n_classes} classes, {side} pixels"
    peer = f"loop over enlarged maps, {'double' if double else 'single'} precision"
    # The first turn warms up.
    return Comparison(work, statistics.median(times[0][1:]), peer, statistics.median(times[1][1:]))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_number(parser, "--images", 5, "images of a batch (default: %(default)s)", least=1, most=MOST_IMAGES)
    add_number(parser, "--classes", 20, "maps of an image (%(default)s)", least=1, most=255)
    add_number(parser, "--side", 256, "of the square in pixels (%(default)s)", least=8, most=LONGEST_SIDE)
    add_number(parser, "--repeats", 5, "times each is run, in turns; the median counts", least=1, most=10000)
    arguments = parser.parse_args(argv)
    for double in (True, False):
        print(compare_terms(arguments.images, arguments.classes, arguments.side, arguments.repeats, double).text())


if __name__ == "__main__":
    run_command(main)
