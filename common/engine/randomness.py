"""Random state as a function of (seed, step, process), so that a resumed run continues the same sequence."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import torch


def seed_everything(seed: int, step: int = 0, rank: int = 0) -> None:
    """Seed python, numpy and torch (all devices) for one step of one process.

    The loop calls this before every step: dropout and any other draw of a step depend on nothing that happened
    before it. A checkpoint's random state is therefore its seed and step.
    """
    digest = hashlib.blake2b(f"{seed}/{step}/{rank}".encode(), digest_size=8).digest()
    value = int.from_bytes(digest, "little")
    random.seed(value)
    np.random.seed(value % 2**32)
    torch.manual_seed(value)
