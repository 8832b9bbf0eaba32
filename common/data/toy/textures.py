"""Background textures of the toy set; each is the home of one class."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from common.data.toy.arrays import FloatArray, smooth_noise

Texture = Callable[[np.random.Generator, int], FloatArray]


def two_tone(mix: FloatArray, low: tuple[int, int, int], high: tuple[int, int, int]) -> FloatArray:
    """Blend two RGB colours by ``mix`` [H, W] in 0..1; returns [H, W, 3] in 0..255."""
    weight = np.clip(mix, 0, 1)[..., None]
    return np.asarray((1 - weight) * np.asarray(low, np.float32) + weight * np.asarray(high, np.float32), np.float32)


def grass(rng: np.random.Generator, size: int) -> FloatArray:
    """Upright blades: float32 [size, size, 3], RGB in 0..255."""
    blades = cv2.blur(rng.random((size, size), np.float32), (1, 7))
    return two_tone(2.5 * (blades - 0.5) + 0.5, (48, 92, 38), (122, 162, 82))


def water(rng: np.random.Generator, size: int) -> FloatArray:
    """Bent waves: float32 [size, size, 3], RGB in 0..255."""
    rows = np.arange(size, dtype=np.float32)[:, None]
    bend = 6 * smooth_noise(rng, size, size / 6)
    waves = np.sin((rows + bend) * 2 * np.pi / rng.uniform(7, 11) + rng.uniform(0, 6))
    return two_tone(0.5 + 0.5 * waves, (38, 82, 132), (92, 146, 182))


def sky(rng: np.random.Generator, size: int) -> FloatArray:
    """Soft clouds: float32 [size, size, 3], RGB in 0..255."""
    clouds = 0.5 + 0.45 * smooth_noise(rng, size, size / 9)
    return two_tone(clouds, (142, 176, 216), (232, 236, 242))


def sand(rng: np.random.Generator, size: int) -> FloatArray:
    """Grains and slow dunes: float32 [size, size, 3], RGB in 0..255."""
    grains = rng.random((size, size), np.float32)
    return two_tone(0.35 * smooth_noise(rng, size, size / 8) + grains, (176, 148, 98), (226, 204, 154))


def bricks(rng: np.random.Generator, size: int) -> FloatArray:
    """Bricks in bond: float32 [size, size, 3], RGB in 0..255."""
    height, width = int(rng.integers(7, 11)), int(rng.integers(14, 20))
    rows, columns = np.mgrid[:size, :size] + rng.integers(0, width, size=(2, 1, 1))
    mortar = (rows % height == 0) | ((columns + (rows // height % 2) * (width // 2)) % width == 0)
    stone = 0.25 + 0.2 * rng.random((size, size), np.float32)
    return two_tone(np.where(mortar, np.float32(1), stone), (112, 66, 52), (196, 178, 162))


def planks(rng: np.random.Generator, size: int) -> FloatArray:
    """Upright planks with grain: float32 [size, size, 3], RGB in 0..255."""
    columns = np.arange(size, dtype=np.float32)[None, :] + rng.uniform(0, 12)
    grain = cv2.blur(rng.random((size, size), np.float32), (1, 21))
    gap = (columns % 12 < 1.5).astype(np.float32)
    return two_tone(3 * (grain - 0.5) + 0.6 - 0.8 * gap, (72, 52, 40), (150, 118, 90))


TEXTURES: dict[str, Texture] = {
    "grass": grass,
    "water": water,
    "sky": sky,
    "sand": sand,
    "bricks": bricks,
    "planks": planks,
}
