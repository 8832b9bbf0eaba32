from __future__ import annotations

import torch

from common.engine.losses import Mean, as_means


def test_a_plain_loss_is_a_mean_over_the_images():
    (mean,) = as_means({"tags": torch.tensor(0.5)}, 4).values()
    assert mean.total.item() == 2.0 and mean.count == 4


def test_a_sum_and_its_count_stay_as_they_are():
    pixels = Mean(torch.tensor(6.0), torch.tensor(3))
    assert as_means({"pixels": pixels}, 4)["pixels"] is pixels
