"""Inputs of SGAN's segmentation cases, by the rules of their manifest."""

import re

import numpy as np
import torch

from deeplabv2.inference import Squares
from deeplabv2.networks.dsrg import CAFFE_MEAN
from deeplabv2.samples import caffe_input
from tests.parity.fill import filled_input
from tests.parity.sgan_cases import CASES


def blur(array, sigmas):
    """``scipy.ndimage.gaussian_filter`` with its defaults, float64."""
    array = array.astype(np.float64)
    for axis, sigma in enumerate(sigmas):
        if not sigma:
            continue
        radius = int(4 * sigma + 0.5)
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        padding = [(radius, radius) if one == axis else (0, 0) for one in range(array.ndim)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(array, padding, mode="symmetric"), 2 * radius + 1, axis
        )
        array = windows @ (kernel / kernel.sum())
    return array


def softmax(scores, axis):
    exponentials = np.exp(scores - scores.max(axis, keepdims=True))
    return exponentials / exponentials.sum(axis, keepdims=True)


def photograph(name, shape, sigma, gain, shift):
    """A smooth uint8 image H x W x 3."""
    noise = filled_input(name, shape, 0, 256).astype(np.float64)
    return np.clip(blur(noise, (sigma, sigma, 0)) * gain + shift, 0, 255).astype(np.uint8)


def crf_case(case):
    """Image, probabilities (C x H x W) and scale factor of a case of the CRF wrapper."""
    inputs = CASES[case]["inputs"]
    name, shape = f"open_{case}", re.search(r"\((\d+),(\d+),3\)", inputs["image"]["rule"])
    score = re.search(r"\((\d+),(\d+),(\d+)\)\)\.astype\(float64\), \(1\.5,1\.5,0\)\)\*(\d+)", inputs["prob"]["rule"])
    noise = filled_input(f"{name}:score", tuple(int(score[number]) for number in (1, 2, 3)))
    probabilities = np.maximum(softmax(blur(noise, (1.5, 1.5, 0)) * int(score[4]), -1), 1e-5).astype(np.float32)
    image = photograph(name, (int(shape[1]), int(shape[2]), 3), 3, 4, -384)
    return image, probabilities.transpose(2, 0, 1), inputs["scale_factor"]


def layer_inputs():
    """Logits, seed labels, gradient from above, and the network's input images of the layer cases, as tensors."""
    labels = filled_input("open_layers:lab", (2, 1, 9, 9), 0, 22)
    labels[0][labels[0] == 0] = 21
    smooth = blur(filled_input("open_layers:im", (2, 3, 65, 65), 0, 256), (0, 0, 4, 4))
    images = np.clip(smooth * 10 - 1152, 0, 255) - np.array([104, 117, 123])[:, None, None]
    logits = torch.from_numpy(filled_input("open_layers:logits", (2, 21, 9, 9)) * 2)
    from_above = torch.from_numpy(filled_input("open_layers:td", (2, 21, 9, 9)))
    return logits, torch.from_numpy(labels[:, 0]), from_above, torch.from_numpy(images.astype(np.float32))


def growing_inputs(case):
    """Probabilities, cues (both 21 x 9 x 11), labels and the two thresholds of a region-growing case."""
    inputs, name = CASES[case]["inputs"], f"open_grow{case.rsplit('_', 1)[1]}"
    scores = 12 * blur(filled_input(name, (21, 9, 11)), (0, 1, 1))
    scores[inputs["tags"]] += 4
    drawn, cues = filled_input(f"{name}:cue", (9, 11), 0, 12), np.zeros((21, 9, 11), np.float32)
    for label, value in re.findall(r"class (\d+) where k==(\d+)", inputs["cues"]):
        cues[int(label)][drawn == int(value)] = 1
    thresholds = inputs["th1_background"], inputs["th2_foreground"]
    return softmax(scores, 0).astype(np.float32), cues, inputs["tags"], thresholds


def scene_image(case):
    """The photograph of a multi-scale case."""
    shape = re.search(r"\((\d+),(\d+),3\)", CASES[case]["inputs"]["image"]["rule"])
    return photograph(f"open_{case}", (int(shape[1]), int(shape[2]), 3), 4, 6, -640)


def stand_in_scores(case, side):
    """What the network of a multi-scale case answers at an input side: 21 x k x k."""
    cells = {288: 37, 321: 41, 385: 49, 481: 61}[side]
    noise = filled_input(f"open_{case}:score{side}", (21, cells, cells))
    return torch.from_numpy((20 * blur(noise, (0, 3, 3))).astype(np.float32))


def segment(network, image, sides, edge="repaired"):
    """Probabilities C x H x W of one image, uint8 RGB H x W x 3, from square inputs of ``sides`` pixels."""
    form = Squares("fp32", sides=tuple(sides), edge=edge)
    inputs = form.inputs(image, caffe_input(CAFFE_MEAN))
    sample = {"id": "", "path": None, "inputs": inputs, "size": image.shape[:2], "tags": None}
    (prediction,) = form.predict(network, torch.device("cpu"), [sample], label_maps=False)
    return form.probabilities(prediction.logits, prediction.size)
