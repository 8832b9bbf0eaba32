"""The losses of the first training and their gradients equal the published ones."""

import re

import numpy as np
import pytest
import torch

from common.method.plain_cam import classification_loss
from smaf.losses import estimate_saliency, saliency_loss
from tests.parity.smaf_cases import CASES, args, cases, check, given, tags_of, tensor, text_of

SCALE = 8


def logits_of(case):
    """The maps before the softmax; two cases give them in words."""
    shape = CASES[case]["arrays"]["grad_cam"]["shape"]
    words = re.search(r"logits: (.*?);", text_of(case))
    if not words:
        return tensor(given(case, ".cam"))
    logits = torch.zeros(shape)
    for number, value in re.findall(r"class (\d+) (-?\d+)", words[1]):
        logits[:, int(number)] = float(value)
    return logits


def saliency_of(case):
    words = re.search(r"saliency (?:is |exactly )(?:all )?(zero|one|[\d.]+)", text_of(case))
    if not words:
        return tensor(given(case, ".sal"))
    count, _, height, width = CASES[case]["arrays"]["fg_map"]["shape"]
    value = {"zero": "0", "one": "1"}.get(words[1], words[1])
    return torch.full((count, 1, SCALE * height, SCALE * width), float(value))


@pytest.mark.parametrize("case", cases("eps_loss"))
def test_saliency_loss(case):
    settings = args(case)
    maps, saliency = logits_of(case).requires_grad_(), saliency_of(case)
    tags = torch.tensor(settings["label"], dtype=torch.float32)
    assert tags.shape[1] == settings["num_classes"] == maps.shape[1] - 1
    estimate = estimate_saliency(maps, saliency, tags, settings["tau"], settings["lam"])
    loss = saliency_loss(maps, saliency, tags, settings["tau"], settings["lam"])
    loss.backward()
    computed = {"loss": loss, "grad_cam": maps.grad, "fg_map": estimate.foreground, "bg_map": estimate.background}
    check(case, {**computed, "sal_pred": estimate.saliency})


@pytest.mark.parametrize("case", cases("cls_loss"))
def test_classification_loss_leaves_the_background_out(case):
    logits = tensor(given(case)).requires_grad_()
    loss = classification_loss(logits[:, :-1], tags_of(args(case)["label_indices"], logits.shape[1] - 1))
    loss.backward()
    assert not np.any(logits.grad[:, -1].numpy())
    check(case, {"loss": loss, "grad_pred": logits.grad})
