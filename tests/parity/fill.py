"""Named weights and inputs that can be made again anywhere, as the golden files define them."""

import math
import zlib

import numpy as np


def generator_of(name):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def filled_input(name, shape, low=None, high=None):
    """Standard normal float32 noise of a name, or uniform integers in [low, high)."""
    generator = generator_of(f"input:{name}")
    if low is None:
        return generator.standard_normal(shape, dtype=np.float32)
    return generator.integers(low, high, size=shape)


def filled_tensor(key, shape):
    """The value of the published tensor ``key``: He-normal weights, scales and variances near 1, small biases."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    noise = generator_of(key).standard_normal(tuple(shape), dtype=np.float32)
    if key.endswith("running_var"):
        return 1 + 0.1 * np.abs(noise)
    if len(shape) > 1:
        return noise * np.float32(math.sqrt(2 / math.prod(shape[1:])))
    return 1 + 0.1 * noise if key.endswith("weight") else 0.1 * noise


def filled_state_dict(shapes):
    """Published key -> shape becomes published key -> numpy array."""
    return {key: filled_tensor(key, shape) for key, shape in shapes.items()}
