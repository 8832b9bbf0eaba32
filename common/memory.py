"""How much memory an image will take, and whether that is there: asked before it is computed, so that the others still are.

The numbers are rough, and rather low than high: an image that fits is never refused for an estimate that is too careful.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from common.errors import DataError

# Bytes per pixel of a pass through a network: measured 375 in a ResNet-50 on a GPU, 640 in a VGG-16 on a CPU.
PASS_BYTES = 400
INPUT_BYTES = 3 * 4
VALUE_BYTES = 4
# The dense CRF of a photograph on the CPU: measured 630 bytes per pixel with 21 labels, 176 with two; noise takes three times that.
CRF_BYTES, CRF_BYTES_PER_LABEL = 128, 24
# Less than that is not worth asking the system for what is free.
ALWAYS_THERE = 1 << 28

Advice = Callable[[float], str]

MEMORY_INFO = Path("/proc/meminfo")
# (limit, use) of the container this process is in.
CONTAINER_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def peak_memory(process: int | None = None) -> int:
    """The most bytes that a process (this one by default) has held so far; 0 where the system does not say of another one.

    Linux's ``ru_maxrss`` is no answer: a program that has just been started begins with what the one that started it held.
    """
    try:
        lines = Path(f"/proc/{process or 'self'}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError, IndexError):
        if process is not None:
            return 0
    # In KiB, on macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def free_memory() -> int | None:
    """Bytes that this process can still take, within its container's limit; None where the system does not say."""
    try:
        lines = MEMORY_INFO.read_text(encoding="utf-8").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    for limit, use in CONTAINER_FILES:
        try:
            free = min(free, max(0, int(Path(limit).read_text()) - int(Path(use).read_text())))
        # Not in a container of this kind, or in one without a limit ("max").
        except (OSError, ValueError):
            continue
    return free


def require_free_memory(needed: int, free: int | None, what: str, advice: Advice) -> None:
    """Raise :class:`DataError` where an image needs more bytes than are free.

    Args:
        free: None where nobody knows.
        what: what takes the memory.
        advice: what to do, given the share of the sides (0..1) at which it would fit.
    """
    if free is not None and needed > free:
        raise DataError(
            f"{what} takes about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free; {advice((free / needed) ** 0.5)}"
        )


@dataclass(frozen=True)
class MemoryLimit:
    """What a network on a device may take for one image (picklable: it is asked in worker processes).

    Attributes:
        gpu_free: free bytes of the GPU; None: the network works on the CPU.
        passes_at_a_time: passes that run side by side.
    """

    gpu_free: int | None = None
    passes_at_a_time: int = 1

    def require(self, network: int, maps: int, what: str, advice: Advice) -> None:
        """Raise :class:`DataError` unless there is room.

        Args:
            network: bytes of the passes, on the network's device.
            maps: bytes of what is made of them, in main memory.
            what, advice: see :func:`require_free_memory`.
        """
        if self.gpu_free is not None:
            require_free_memory(network, self.gpu_free, f"{what} on the GPU", advice)
            network = 0
        if network + maps > ALWAYS_THERE:
            require_free_memory(network + maps, free_memory(), what, advice)


def memory_limit(device: str) -> MemoryLimit:
    """The limit of a device by its name (auto, cpu, cuda, cuda:N), as things are now."""
    if device == "cpu" or not torch.cuda.is_available():
        return MemoryLimit(None, torch.get_num_threads())
    place = torch.device("cuda" if device == "auto" else device)
    return MemoryLimit(torch.cuda.mem_get_info(place)[0])


def cam_bytes(
    size: tuple[int, int], scales: Sequence[float], flip: bool, n_maps: int, at_a_time: int
) -> tuple[int, int]:
    """What the maps of one image take: bytes of the passes, bytes of inputs and maps.

    Args:
        size: height and width at scale 1.
        n_maps: maps that are kept at the size of the image.
        at_a_time: passes that run side by side.
    """
    pixels = size[0] * size[1]
    passes = sorted((pixels * scale**2 for scale in scales for _ in range(1 + flip)), reverse=True)
    inputs = INPUT_BYTES * sum(pixels * scale**2 for scale in scales)
    # Each pass's maps enlarged, and once more beside each other to be added.
    maps = VALUE_BYTES * n_maps * pixels * (2 * len(passes) + 1)
    return int(PASS_BYTES * sum(passes[:at_a_time])), int(inputs + maps)


def crf_bytes(n_labels: int, n_pixels: int) -> int:
    """What the dense CRF of an image takes."""
    return (CRF_BYTES + CRF_BYTES_PER_LABEL * n_labels) * n_pixels


def segmentation_bytes(n_pixels: int, scales: Sequence[float], n_labels: int) -> tuple[int, int]:
    """What the segmentation of one image takes: bytes of the largest pass, bytes of inputs and probabilities at image size."""
    passes = [n_pixels * scale**2 for scale in scales]
    # Enlarged logits, and the probabilities made of them.
    return int(PASS_BYTES * max(passes, default=0)), int(
        INPUT_BYTES * sum(passes) + 2 * VALUE_BYTES * n_labels * n_pixels
    )
