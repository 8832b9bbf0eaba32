import re

import numpy as np
import pytest
import torch
from PIL import Image

from common.crf.inference import dense_crf
from common.crf.presets import PRESETS
from common.crf.unary import unary_from_probabilities
from deeplabv2.losses import balanced_cross_entropy, cross_entropy, focal_loss
from tests.parity.fill import filled_input
from tests.parity.l2g_cda_cases import CASES, cases_of, expected, made

CRF = "deeplab/crf"
LOSSES = {
    "thesis_focal": lambda logits, labels: [focal_loss(logits, labels)],
    "focal_gamma2": lambda logits, labels: [focal_loss(logits, labels, gamma=2.0)],
    "balance": lambda logits, labels: list(balanced_cross_entropy(logits, labels)),
    "plain_ce": lambda logits, labels: [cross_entropy(logits, labels)],
}


@pytest.mark.parametrize("case", [case for case in cases_of("deeplab") if case != CRF])
def test_segmentation_losses_and_gradients(case):
    name, shape = re.search(r'filled_input\("(\w+)",\(([\d,]+)\)\)', CASES[case]["logit"]).groups()
    wanted, labels = expected(case), torch.from_numpy(expected(case)["label"])
    values = []
    for loss in LOSSES:
        logits = made(name, tuple(int(side) for side in shape.split(","))).requires_grad_()
        # A mean over nothing is NaN here, as published; in the training loop it counts 0.
        value = sum(term.total / term.count for term in LOSSES[loss](logits, labels))
        values.append(float(value.detach()))
        if np.isfinite(values[-1]):
            (gradient,) = torch.autograd.grad(value, logits)
            np.testing.assert_allclose(gradient, wanted[f"{loss}_grad"], rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(values, wanted["values"], rtol=1e-5)


@pytest.mark.parametrize("case", [CRF])
def test_crf(case):
    wanted, size = expected(case), (24, 32)
    small = filled_input("crf_img", (max(2, size[0] // 8), max(2, size[1] // 8), 3), 0, 256).astype(np.uint8)
    image = np.array(Image.fromarray(small).resize((size[1], size[0]), Image.Resampling.BILINEAR))
    refined = dense_crf(image, unary_from_probabilities(wanted["in_prob"]), PRESETS["cam"])
    np.testing.assert_allclose(refined[:, ::3, ::3], wanted["prob"], rtol=0, atol=1e-3)
    assert (refined.argmax(0) == wanted["argmax"]).mean() >= 0.995
