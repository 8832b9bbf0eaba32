"""Inputs of the golden CRF cases, made from a crop's mask and named noise by the rules of the manifest."""

import numpy as np
import torch

from tests.parity.fill import filled_input


class Crop:
    """One image crop with its mask; ``index`` is the coarse mask in positions of ``present``."""

    def __init__(self, crops, name):
        self.bgr = crops[f"{name}.bgr"]
        mask = crops[f"{name}.mask"]
        self.mask = np.where(mask == 255, 0, mask)
        self.present = np.union1d(np.unique(mask[mask != 255]), [0]).astype(np.int64)
        height, width = mask.shape
        rows = np.minimum(np.arange(height) // 8 * 8 + 4, height - 1)
        columns = np.minimum(np.arange(width) // 8 * 8 + 4, width - 1)
        self.index = np.searchsorted(self.present, self.mask[rows][:, columns])
        self.size = (height, width)

    def image(self, order):
        return self.bgr if order == "BGR" else self.bgr[:, :, ::-1]

    def one_hot(self):
        return (np.arange(len(self.present))[:, None, None] == self.index).astype(np.float32)

    def probabilities(self, name):
        scores = 2 * self.one_hot() + filled_input(name, (len(self.present), *self.size))
        return torch.softmax(torch.from_numpy(scores), dim=0).numpy()

    def labels(self, name):
        """Indices into ``present``, one pixel in ten replaced by a random one."""
        flipped = filled_input(f"{name}/flip", self.size, 0, 10) == 0
        return np.where(flipped, filled_input(f"{name}/to", self.size, 0, len(self.present)), self.index)

    def cams(self, name):
        noise = filled_input(name, (len(self.present) - 1, *self.size))
        return np.clip(0.55 * self.one_hot()[1:] + 0.2 + 0.2 * noise, 0, 1).astype(np.float32)

    def upsampled_softmax(self, name):
        """Low-resolution scores of 21 labels, enlarged bilinearly to the crop, as probabilities."""
        small = self.mask[4::8, 4::8]
        one_hot = (np.arange(21)[:, None, None] == small).astype(np.float32)
        scores = torch.from_numpy(4 * one_hot + np.float32(1.5) * filled_input(name, (21, *small.shape)))
        enlarged = torch.nn.functional.interpolate(scores[None], self.size, mode="bilinear", align_corners=False)
        return torch.softmax(enlarged[0], dim=0).numpy()

    def mean_subtracted(self):
        """The image the original ``crf`` command passes: mean subtracted, then cast to uint8 modulo 256."""
        difference = self.bgr.astype(np.float32) - np.array([104.008, 116.669, 122.675], np.float32)
        return (np.trunc(difference).astype(np.int64) % 256).astype(np.uint8)
