"""The patches of the local network: where they lie, and cutting them from a batch."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt
import torch

from l2g_cda.data.settings import ViewConfig


def draw_boxes(config: ViewConfig, rng: Random) -> npt.NDArray[np.int64]:
    """Corners of the patches, int64 [P, 4]: x1, y1, x2, y2 in pixels of the square view (l2g_cda spec, section 4.5).

    The voc recipe begins with the four corners of the view. Every further box draws y, then x, from 0 up to
    ``input_size - crop_size``, that end excluded.
    """
    room = config.input_size - config.crop_size
    corners = [(0, 0), (0, room), (room, 0), (room, room)] if config.recipe == "voc" else []
    drawn = [(rng.randrange(room), rng.randrange(room)) for _ in range(config.patches - len(corners))]
    starts = np.array([*corners, *((x, y) for y, x in drawn)], np.int64)
    return np.concatenate([starts, starts + config.crop_size], axis=1)


def cut_patches(images: torch.Tensor, boxes: torch.Tensor, size: int) -> torch.Tensor:
    """Cut all patches of a batch at once, without waiting for the device.

    Args:
        images: [B, C, S, S].
        boxes: [N, 5]: image index, x1, y1, x2, y2 in pixels.
        size: side of a patch.

    Returns:
        [N, C, size, size], in the memory layout of the images.
    """
    image, left, top = boxes[:, :3].long().unbind(1)
    # Every place where a patch could lie, as a view; indexing it copies only those asked for.
    return images.unfold(2, size, 1).unfold(3, size, 1)[image, :, top, left]
