import re

import numpy as np
import pytest
import torch
from torch.nn.functional import mse_loss

from common.method.plain_cam import classification_loss
from l2g_cda.losses import aligned_probabilities, local_target
from tests.parity.l2g_cda_cases import CASES, cases_of, expected, made


def named(text):
    """The tensor of ``filled_input("name",(1,2,3))`` in the text of an input."""
    name, shape = re.search(r'filled_input\("(\w+)",\(([\d,]+)\)\)', text).groups()
    return made(name, tuple(int(side) for side in shape.split(",")))


def saliency_of(text, spec):
    saliency = (named(text).abs() / 2).clip(0, 1)
    if "first image's patches set to 0" in text:
        saliency[: spec["patches"]] = 0
    return saliency


@pytest.mark.parametrize("case", cases_of("losses"))
def test_target_aligned_map_losses_and_gradients(case):
    spec, wanted = CASES[case], expected(case)
    inputs, is_coco = spec["inputs"], "coco" in case
    maps, local_maps = named(inputs["feat"]).requires_grad_(), named(inputs["feat_local"])
    if "-|x|" in inputs["feat_local"]:
        local_maps = -local_maps.abs()
    logits, local_logits = named(inputs["logits"]), named(inputs["logits_local"]).requires_grad_()
    tags = torch.from_numpy(wanted["label"])
    patch_tags = tags.repeat_interleave(spec["patches"], 0)
    target = local_target(
        local_maps,
        patch_tags,
        saliency_of(inputs["saliency"], spec),
        spec["bg_thr"],
        "value" if is_coco else "indicator",
    )
    boxes, size = torch.from_numpy(wanted["boxes"]), tuple(local_maps.shape[2:])
    probabilities = aligned_probabilities(maps, boxes, size, stride=8)
    kd = spec["kd_weights"] * mse_loss(probabilities, target)
    of_patches, of_views = classification_loss(local_logits, patch_tags), classification_loss(logits, tags)
    gradients = torch.autograd.grad(kd + of_patches, [maps, local_logits])
    step = 5 if is_coco else 1
    computed = {
        "loss": torch.stack([kd, of_patches, of_views, kd + of_patches]).detach(),
        "target": target[:, ::step],
        "target_sum_per_channel": target.sum(dim=(0, 2, 3)),
        "aligned": probabilities[:, ::step].detach(),
        "grad_feat": gradients[0][:, ::step],
        "grad_logits_local": gradients[1],
    }
    assert set(wanted) == {*computed, "label", "boxes"}
    for name, value in computed.items():
        np.testing.assert_allclose(value, wanted[name], rtol=1e-4, atol=1e-6, err_msg=name)
