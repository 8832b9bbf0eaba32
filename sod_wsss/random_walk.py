"""The random walk of class maps up to the edges of an image (sod_wsss spec, section 6.3), and its inference."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from common.bounds import MOST_IMAGES, bounded, bounded_side, require_bounds
from common.cam.files import Cams
from common.cam.inference import ReadableImages
from common.cam.random_walk_maps import RandomWalkMaps, read_affinity
from common.data.sampling import Sample
from common.data.transforms import ToTensors
from common.errors import DataError, NonFiniteError
from common.models.fold import fold_batchnorm
from common.paths import path_of_id
from sod_wsss.affinity import neighbour_pairs


def transition_matrix(edges: Tensor, radius: int, beta: float) -> Tensor:
    """The transposed transition matrix HW x HW, sparse (CSR), of edges H x W in 0..1.

    An entry is (1 - the strongest edge on the way) ^ beta of pixels nearer than ``radius``, 1 of a pixel and itself, divided by
    the sum over all neighbours of the pixel that is walked to.
    """
    height, width = edges.shape
    numbers = torch.arange(height * width, device=edges.device).view(height, width)
    first, second, values = [numbers.flatten()], [numbers.flatten()], [torch.ones_like(edges).flatten()]
    for path, (rows, columns) in neighbour_pairs((height, width), radius):
        shifted = [
            (slice(rows.start + down, rows.stop + down), slice(columns.start + right, columns.stop + right))
            for down, right in path.points
        ]
        affinity = (1 - torch.stack([edges[place] for place in shifted]).amax(0)) ** beta
        down, right = path.end
        end = numbers[rows.start + down : rows.stop + down, columns.start + right : columns.stop + right]
        ends = (numbers[rows, columns].flatten(), end.flatten())
        first += ends
        second += ends[::-1]
        values += [affinity.flatten()] * 2
    row, weights = torch.cat(first), torch.cat(values)
    sums = torch.zeros(height * width, dtype=weights.dtype, device=edges.device).index_add_(0, row, weights)
    places = torch.stack([row, torch.cat(second)])
    with warnings.catch_warnings():
        # Of torch, about its sparse matrices being young.
        warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)")
        return torch.sparse_coo_tensor(places, weights / sums[row], (len(sums),) * 2).coalesce().to_sparse_csr()


@torch.inference_mode()
def propagate(maps: Tensor, edges: Tensor, radius: int = 5, beta: float = 10.0, exponent: int = 8) -> Tensor:
    """The maps after 2^exponent steps of the walk.

    Args:
        maps: K x H x W, not negative; what lies on an edge does not take part.
        edges: H x W in 0..1.
        radius: a step leads to pixels nearer than this.
        beta: power of the affinities.
        exponent: of the number of steps.

    Returns:
        K x H x W, not negative, in the precision of the maps.
    """
    count, (height, width) = len(maps), edges.shape
    matrix = transition_matrix(edges, radius, beta)
    walking = (maps * (1 - edges)).flatten(1).T.contiguous()
    for _ in range(2**exponent):
        walking = matrix @ walking
    return walking.T.reshape(count, height, width)


# Edges are those of images padded to a multiple of this where they are larger than ``padded_side``.
WHOLE = 16
QUARTER = 4


@dataclass
class RadiusConfig:
    """Which pixels form pairs.

    Args:
        radius: two pixels are a pair where they are nearer to each other than this, in pixels of the edge map.
    """

    # With less than 2 no pixel has a neighbour.
    radius: int = bounded(10, least=2, most=1000)

    def __post_init__(self) -> None:
        require_bounds(self)


@dataclass
class WalkConfig(RadiusConfig):
    """The random walk.

    Args:
        beta: power of the affinities: the greater, the less is carried over an edge.
        exponent: the walk has 2^exponent steps.
        edge_network: a trained AffinityNet's file in place of the one that is trained here.
        padded_side: images are padded to this side, so that those of all sizes pass the network together; larger ones, and all
            with 0, to the next multiple of 16.
        batch_size: images of one pass.
    """

    radius: int = 5
    beta: float = bounded(10.0, above=0, most=1000)
    exponent: int = bounded(8, least=0, most=16)
    edge_network: str = ""
    padded_side: int = bounded_side(512, 0)
    batch_size: int = bounded(8, least=1, most=MOST_IMAGES)


class WalkLoader:
    """``id -> sample``: ``image`` (normalised, float32 3 x S x T, padded with 0 at the bottom and right), ``size`` (height, width)
    and ``maps`` (:class:`RandomWalkMaps`); runs in worker processes.

    Args:
        images: what is read by id.
        maps: folder of the maps, ``<id>.npy``.
        padded_side: see :class:`WalkConfig`.
    """

    def __init__(self, images: ReadableImages, maps: Path, padded_side: int) -> None:
        self.images, self.maps, self.padded_side = images, maps, padded_side
        self.to_tensors = ToTensors()

    def __call__(self, image_id: str) -> Sample:
        # Before the image: where a stage has not made them because it cannot be read, they say so.
        found = read_affinity(path_of_id(self.maps, image_id, ".npy"))
        image = self.images.read(image_id)["image"]
        height, width = image.shape[:2]
        if found.full.shape[1:] != (height, width):
            raise DataError(
                f"{image_id}: the image is {(height, width)}, its maps are {found.full.shape[1:]} (height, width)"
            )
        below, right = (max(self.padded_side, -(-side // WHOLE) * WHOLE) - side for side in (height, width))
        return {
            "image": pad(self.to_tensors.image(image), (0, right, 0, below)),
            "size": (height, width),
            "maps": found,
        }


class WalkInference:
    """``[sample of WalkLoader] -> [Cams]``.

    Args:
        network: :class:`sod_wsss.affinity.AffinityNet`; a copy computes the edges.
        config: the walk.
        device: where to compute.
    """

    def __init__(self, network: nn.Module, config: WalkConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.network = fold_batchnorm(network).to(device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, samples: Sequence[Sample]) -> list[Any]:
        """The maps at the images' sizes after the walk, in 0..1: divided by the maximum of all of an image's maps.

        Raises:
            NonFiniteError: the network gives NaN or infinite values.
        """
        by_size: dict[torch.Size, list[int]] = {}
        for place, sample in enumerate(samples):
            by_size.setdefault(sample["image"].shape, []).append(place)
        walked: dict[int, Cams] = {}
        for places in by_size.values():
            edges = self.edges(torch.stack([samples[place]["image"] for place in places]).to(self.device))
            for place, edge in zip(places, edges, strict=True):
                walked[place] = self.walked(samples[place]["maps"], edge, samples[place]["size"])
        return [walked[place] for place in range(len(samples))]

    def edges(self, images: Tensor) -> Tensor:
        """N x H/4 x W/4 in 0..1 of normalised images N x 3 x H x W: from the mean of an image's logits and its mirror's."""
        images = images.contiguous(memory_format=torch.channels_last)
        mirrored = cast(Tensor, self.network(images.flip(3))).flip(3)
        return torch.sigmoid((self.network(images) + mirrored)[:, 0].float() / 2)

    def walked(self, maps: RandomWalkMaps, edges: Tensor, size: tuple[int, int]) -> Cams:
        """The maps of one image, given its edges with those of the padding."""
        if not len(maps.keys):
            return Cams(maps.keys, maps.full)
        quarter = torch.from_numpy(maps.quarter).to(self.device)
        edges = edges[: quarter.shape[1], : quarter.shape[2]]
        moved = propagate(quarter, edges, self.config.radius, self.config.beta, self.config.exponent)
        return Cams(maps.keys, whole_size(moved, size).cpu().numpy())


def whole_size(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps K x h x w, not negative, enlarged four times (bilinear), cut to ``size`` and divided by the maximum of all.

    Raises:
        NonFiniteError: they hold NaN or infinite values.
    """
    if not torch.isfinite(maps).all():
        raise NonFiniteError("the maps after the random walk hold NaN or infinite values; check AffinityNet's training")
    enlarged = interpolate(maps[None], scale_factor=float(QUARTER), mode="bilinear", align_corners=False)[0]
    cut = enlarged[:, : size[0], : size[1]]
    maximum = cut.max()
    return cut / maximum if maximum > 0 else cut
