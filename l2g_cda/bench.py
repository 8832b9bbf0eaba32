"""``python l2g_cda/main.py bench``: training images per second of this step and of one built the published way.

The published way: one image after the other through the local network, one class after the other in the target, the
exchange of whole features before the classifier, BatchNorm computed although it is frozen, fp32, PyTorch's default memory
layout. Both ways give the same losses on the same weights, which is checked before anything is timed.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from common.bench.steps import time_training_steps
from common.engine.randomness import seed_everything
from common.engine.session import Session, choose_device
from common.engine.settings import EngineConfig
from common.errors import ToolboxError
from common.files import write_json
from common.models.frozen import fold_frozen_batchnorm
from l2g_cda.config import LossConfig
from l2g_cda.losses import EPSILON, aligned_probabilities, classification_loss, distillation_loss
from l2g_cda.models.bodies import BodyConfig
from l2g_cda.models.network import L2GNetwork, Scores, exchange
from l2g_cda.models.pair import LocalToGlobal, PairScores, build_pair
from l2g_cda.solver import SolverConfig, build_optimizer, optimizer_groups
from l2g_cda.train import L2GStep

N_CLASSES = 20
STRIDE = 8
# Relative difference of the two ways' first losses that rounding explains (bf16: two decimal digits).
SAME = {"fp32": 1e-3, "bf16": 5e-2}


@dataclass(frozen=True)
class Work:
    """What is timed: device, ResNet-38's width, sides of view and patch, images, patches per image, timed steps."""

    device: str
    width: float
    view: int
    crop: int
    batch: int
    patches: int
    steps: int


class OneByOne(nn.Module):
    """The pair as published programs run it: the patches of one image at a time, features exchanged before the classifier."""

    def __init__(self, pair: LocalToGlobal) -> None:
        super().__init__()
        self.pair = pair

    def forward(self, images: Tensor, patches: Tensor) -> PairScores:
        per_image = len(patches) // len(images)
        local = [exchange_first(self.pair.local, group) for group in patches.split(per_image)]
        joined = Scores(torch.cat([one.maps for one in local]), torch.cat([one.logits for one in local]))
        return PairScores(exchange_first(self.pair.whole, images), joined)


def exchange_first(network: L2GNetwork, images: Tensor) -> Scores:
    """What the network computes, in the published order."""
    taps = network.body.taps(images)
    features = exchange(taps.conv6, network.affinity(images, taps))
    maps = network.fc8(taps.conv6) + conv2d(features, network.fc8.weight)
    return Scores(maps, maps[:, : network.n_classes].mean(dim=(2, 3)))


class PublishedStep(L2GStep):
    """The losses with loops over patches and classes."""

    def cut(self, maps: Tensor, boxes: Tensor) -> Tensor:
        cuts = [maps[int(image), :, int(y1) : int(y2), int(x1) : int(x2)] for image, x1, y1, x2, y2 in boxes.tolist()]
        return torch.stack(cuts)

    def losses(self, scores: PairScores, batch: dict[str, Any]) -> dict[str, Tensor]:
        boxes, config = batch["boxes"], self.config
        target = self.target(scores.local.maps.detach(), self.cut(batch["saliency"], boxes), batch)
        size = (target.shape[2], target.shape[3])
        probabilities = aligned_probabilities(scores.whole.maps, boxes, size, self.stride)
        return {
            "distillation": config.distillation_weight * distillation_loss(probabilities, target),
            "local_classification": classification_loss(scores.local.logits, batch["patch_tags"]),
            "global_classification": classification_loss(scores.whole.logits, batch["tags"]).detach(),
        }

    def target(self, maps: Tensor, saliency: Tensor, batch: dict[str, Any]) -> Tensor:
        """As :func:`l2g_cda.losses.local_target`, patch by patch and class by class."""
        target = torch.zeros_like(maps)
        salient = interpolate(saliency, maps.shape[2:], mode="nearest")[:, 0]
        n_classes = maps.shape[1] - 1
        for patch, image in enumerate(batch["boxes"][:, 0].long().tolist()):
            scores = maps[patch].clamp(min=0)
            for number in range(n_classes + 1):
                scores[number] = scores[number] / (scores[number].max() + EPSILON)
                if number < n_classes and batch["tags"][image, number] == 0:
                    scores[number] = 0
            order = scores.argsort(dim=0, descending=True, stable=True)
            for number in range(n_classes + 1):
                won = (order[0] == number) & (scores[number] > self.config.background_threshold)
                weight = salient[patch] if number < n_classes else 1 - salient[patch]
                target[patch, number] = won * weight
        return target


def made_up_batch(work: Work, device: torch.device) -> dict[str, Any]:
    """Noise as images: the time of a step does not depend on what is to be seen."""
    generator = torch.Generator().manual_seed(0)
    room = work.view - work.crop
    starts = torch.randint(0, room + 1, (work.batch, work.patches, 2), generator=generator)
    images = torch.arange(work.batch).repeat_interleave(work.patches)[:, None]
    boxes = torch.cat([images, starts.flatten(0, 1), starts.flatten(0, 1) + work.crop], dim=1).float()
    tags = (torch.rand(work.batch, N_CLASSES, generator=generator) < 0.1).float()
    tags[:, 0] = 1
    batch = {
        "image": torch.randn(work.batch, 3, work.view, work.view, generator=generator),
        "saliency": torch.rand(work.batch, 1, work.view, work.view, generator=generator),
        "boxes": boxes,
        "tags": tags,
        "patch_tags": tags.repeat_interleave(work.patches, 0),
    }
    return {name: value.to(device) for name, value in batch.items()}


def timed(work: Work, pair: LocalToGlobal, ours: bool, precision: Any) -> tuple[float, float]:
    """Median seconds of a step of the training loop, and the first step's loss."""
    session = Session(0, 1, choose_device(work.device, 0))
    pair = copy.deepcopy(pair).to(session.device).train()
    engine = EngineConfig(max_steps=work.steps + 1, channels_last=ours, precision=precision, workers=0)
    optimizer = build_optimizer(optimizer_groups(pair, 1e-4, SolverConfig()), SolverConfig())
    step_class = L2GStep if ours else PublishedStep
    if ours:
        fold_frozen_batchnorm(pair)
        pair.to(memory_format=torch.channels_last)
    network: nn.Module = pair if ours else OneByOne(pair)
    step = step_class(LossConfig(), work.crop, STRIDE)
    seed_everything(0)
    times = time_training_steps(
        network, step, made_up_batch(work, session.device), optimizer, engine, session, work.steps
    )
    return times.seconds, times.first_loss


def without_dropout(pair: LocalToGlobal) -> LocalToGlobal:
    """Dropout would draw other numbers for one image at a time than for all at once."""
    for layer in pair.modules():
        if isinstance(layer, nn.Dropout2d):
            layer.p = 0.0
    return pair


def main(argv: Sequence[str] | None = None) -> int:
    work, precisions, output = parse(argv)
    seed_everything(0)
    pair = without_dropout(build_pair(BodyConfig(width=work.width), N_CLASSES))
    published, published_loss = timed(work, pair, ours=False, precision="fp32")
    print(
        f"ResNet-38 x {work.width:g}, {work.device}, views {work.view}, {work.patches} patches of {work.crop}, batch "
        f"{work.batch}, median of {work.steps} steps"
    )
    print(f"published way, fp32: {work.batch / published:8.3f} images/s")
    rates = {"published, fp32": work.batch / published}
    for precision in precisions:
        seconds, loss = timed(work, pair, ours=True, precision=precision)
        if abs(loss - published_loss) > SAME[precision] * abs(published_loss):
            raise ToolboxError(f"the two ways differ: loss {loss} here, {published_loss} the published way")
        rates[f"here, {precision}"] = work.batch / seconds
        print(f"this step, {precision}:     {work.batch / seconds:8.3f} images/s   ({published / seconds:.2f} times)")
    if output:
        write_json(Path(output), {"work": vars(work), "images_per_second": rates})
    return 0


def parse(argv: Sequence[str] | None) -> tuple[Work, list[str], str]:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(prog="main.py bench", description=__doc__)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--width", type=float, default=1.0 if gpu else 0.25, help="factor on ResNet-38's channels")
    parser.add_argument("--view", type=int, default=448 if gpu else 128, help="side of the views in pixels")
    parser.add_argument("--crop", type=int, default=320 if gpu else 96, help="side of the patches in pixels")
    parser.add_argument("--batch", type=int, default=3, help="images of a step")
    parser.add_argument("--patches", type=int, default=6, help="patches of an image")
    parser.add_argument("--steps", type=int, default=10 if gpu else 3, help="timed steps, after one that is not")
    parser.add_argument("--precision", nargs="+", choices=list(SAME), default=list(SAME), help="of this step")
    parser.add_argument("--output", default="", help="also write the numbers to this JSON file")
    given = vars(parser.parse_args(argv))
    precisions, output = given.pop("precision"), given.pop("output")
    return Work(**given), precisions, output
