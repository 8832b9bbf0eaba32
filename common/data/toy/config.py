"""Settings of the toy set."""

from __future__ import annotations

from dataclasses import dataclass

from common.bounds import LARGEST_SEED, bounded, bounded_share, require_bounds

SPLITS = ("train", "val")


@dataclass(frozen=True)
class ToyConfig:
    """What :func:`common.data.toy.make_toy` draws; equal settings give equal files.

    Rates are probabilities in 0..1. ``context_bias`` is the chance that an image shows the home texture of its first
    object's class (fish on water), ``occlusion_rate`` the chance that a further object is placed so that it overlaps
    an earlier one, ``distractor_rate`` the chance of a thing without a class (a rock), ``miss_rate`` the chance per
    object that the saliency map leaves it out, ``invent_rate`` the chance per image that it shows something that is
    no object: the distractor where there is one, else a blob.
    ``border_error`` is the typical displacement of the saliency map's borders in pixels at size 96.
    """

    n_train: int = bounded(600, least=1, most=10**6)
    n_val: int = bounded(150, least=1, most=10**6)
    # Smaller images have no room for objects.
    size: int = bounded(96, least=32, most=4096)
    seed: int = bounded(0, least=0, most=LARGEST_SEED)
    max_objects: int = bounded(3, least=1, most=100)
    context_bias: float = bounded_share(0.8)
    occlusion_rate: float = bounded_share(0.5)
    distractor_rate: float = bounded_share(0.4)
    miss_rate: float = bounded_share(0.12)
    invent_rate: float = bounded_share(0.3)
    border_error: float = bounded(1.2, least=0, most=100)

    def __post_init__(self) -> None:
        require_bounds(self)

    def n_images(self, split: str) -> int:
        return self.n_train if split == "train" else self.n_val
