import torch

from common.engine.losses import as_means
from sgan.losses.training import SganStep, seed_loss


def test_only_cells_with_a_foreground_seed_count():
    logits = torch.zeros(1, 3, 2, 2)
    loss = seed_loss(logits, torch.tensor([[[0, 3], [3, 2]]]))
    assert loss.count == 2
    torch.testing.assert_close(loss.total / loss.count, torch.tensor(3.0).log())


def test_the_seed_loss_is_the_mean_over_the_cells_of_the_whole_batch():
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    seeds = torch.full((2, 4, 4), 3)
    seeds[0, 0, 0], seeds[1] = 1, 2
    whole, parts = seed_loss(logits, seeds), [seed_loss(logits[i : i + 1], seeds[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(whole.total, parts[0].total + parts[1].total)
    assert whole.count == parts[0].count + parts[1].count == 17


def test_the_ratio_weighs_the_seed_loss_and_not_its_count():
    scores, segmentation = torch.zeros(1, 3), torch.zeros(1, 3, 2, 2)
    batch = {"image": None, "salient": None, "tags": torch.ones(1, 3), "seed": torch.zeros(1, 2, 2, dtype=torch.long)}
    losses = as_means(SganStep(0.5)(lambda *_: (scores, segmentation), batch), 1)
    torch.testing.assert_close(losses["seed"].total / losses["seed"].count, 0.5 * torch.tensor(3.0).log())
