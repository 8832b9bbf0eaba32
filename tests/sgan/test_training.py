import torch

from common.engine.losses import as_means
from common.method.steps import Form
from sgan.backbone import SganVGG16
from sgan.network import SGAN
from sgan.training import noise_batch, published_form, seed_loss, sgan_step


def test_only_positions_with_a_foreground_seed_count():
    logits = torch.zeros(1, 3, 2, 2)
    loss = seed_loss(logits, torch.tensor([[[0, 3], [3, 2]]]))
    assert loss.count == 2
    torch.testing.assert_close(loss.total / loss.count, torch.tensor(3.0).log())


def test_the_seed_loss_is_the_mean_over_the_positions_of_the_whole_batch():
    logits = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    seeds = torch.full((2, 4, 4), 3)
    seeds[0, 0, 0], seeds[1] = 1, 2
    whole, parts = seed_loss(logits, seeds), [seed_loss(logits[i : i + 1], seeds[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(whole.total, parts[0].total + parts[1].total)
    assert whole.count == parts[0].count + parts[1].count == 17


def test_the_ratio_weighs_the_seed_loss_and_not_its_count():
    scores, segmentation = torch.zeros(1, 3), torch.zeros(1, 3, 2, 2)
    batch = {"image": None, "salient": None, "tags": torch.ones(1, 3), "seed": torch.zeros(1, 2, 2, dtype=torch.long)}
    losses = as_means(sgan_step(0.5, lambda *_: (scores, segmentation), batch), 1)
    torch.testing.assert_close(losses["seed"].total / losses["seed"].count, 0.5 * torch.tensor(3.0).log())


def test_the_published_form_of_the_step_has_the_same_losses():
    network = SGAN(SganVGG16(0.05), 3, 0.05).eval()
    network.gamma.data.fill_(0.5)
    batch = noise_batch(2, 33, 8, 3)
    losses = sgan_step(0.15, network, batch)
    published = published_form(Form(network, sgan_step, batch))
    assert published.batch["salient"].shape == (2, 2, 25, 25)
    for name, loss in sgan_step(0.15, published.network, published.batch).items():
        torch.testing.assert_close(*(getattr(one, "total", one) for one in (loss, losses[name])))
