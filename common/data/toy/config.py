"""Settings of the toy set."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import ConfigError

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

    n_train: int = 600
    n_val: int = 150
    size: int = 96
    seed: int = 0
    max_objects: int = 3
    context_bias: float = 0.8
    occlusion_rate: float = 0.5
    distractor_rate: float = 0.4
    miss_rate: float = 0.12
    invent_rate: float = 0.3
    border_error: float = 1.2

    def __post_init__(self) -> None:
        if min(self.n_train, self.n_val, self.max_objects) < 1:
            raise ConfigError("n_train, n_val and max_objects of the toy set must be at least 1")
        if self.size < 32:
            raise ConfigError(f"toy images of {self.size} pixels have no room for objects: give a size of at least 32")
        if self.seed < 0 or self.border_error < 0:
            raise ConfigError("seed and border_error of the toy set must not be negative")
        for name in ("context_bias", "occlusion_rate", "distractor_rate", "miss_rate", "invent_rate"):
            rate = getattr(self, name)
            if not 0 <= rate <= 1:
                raise ConfigError(f"{name} of the toy set is a probability: {rate} is not in 0..1")

    def n_images(self, split: str) -> int:
        return self.n_train if split == "train" else self.n_val
