"""The measures of saliency maps, and the scores of a validation, against the numbers of the authors' test script."""

import numpy as np
import pytest
import torch
from torch import nn

from sod_wsss.measures import mean_scores, measure_map
from sod_wsss.saliency_losses import validation_scores
from sod_wsss.saliency_network import SaliencyScores
from tests.parity.sod_wsss_cases import cases, close, expected

# Names of the stored scores -> ours.
NAMES = {
    "mae": "mae",
    "max_f": "max_f",
    "mean_f": "adaptive_f",
    "s": "s_measure",
    "e": "adaptive_e",
    "wf": "weighted_f",
}
EMPTY = ("mae", "s_measure", "adaptive_e", "weighted_f")


def stored_maps(case):
    """The stored maps and masks: those with an object, those without."""
    arrays = expected(case)
    pairs = [*zip(arrays["pred"].astype(np.float64), arrays["gt"] > 0, strict=True)]
    return [pair for pair in pairs if pair[1].any()], [pair for pair in pairs if not pair[1].any()]


@pytest.mark.parametrize("case", cases("sod_metrics"))
def test_the_scores_of_maps_are_the_published_ones(case):
    with_object, without = stored_maps(case)
    scores = mean_scores([measure_map(saliency, mask, "published") for saliency, mask in with_object])
    for stored, name in NAMES.items():
        close(case, stored, scores[name])
    for saliency, mask in without:
        alone = measure_map(saliency, mask, "published")
        close(case, "empty", np.array([getattr(alone, name) for name in EMPTY]))


class Trained(nn.Module):
    """A network whose probabilities are the images that it sees."""

    def forward(self, images):
        logits = torch.logit(images)
        return SaliencyScores([logits, -logits, -logits, -logits], -logits)


@pytest.mark.parametrize("case", cases("sod_val_scores"))
def test_the_scores_of_a_validation_are_the_published_ones(case):
    with_object, _ = stored_maps("sod_metrics")
    saliency, masks = (
        torch.tensor(np.stack(one)[:2, None], dtype=torch.float32) for one in zip(*with_object, strict=True)
    )
    for size in (1, 2):
        parts = zip(saliency.split(size), masks.split(size), strict=True)
        batches = [{"image": one, "saliency": mask} for one, mask in parts]
        scores = validation_scores(Trained(), batches, torch.device("cpu"))
        close(case, "iou_sum", np.array(scores["soft_iou"] * len(saliency)))
        close(case, "mae", np.array(scores["mae"]))
