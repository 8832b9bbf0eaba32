"""DSRG's losses as SGAN uses them: what they are made of, their learning rates, and trainings end to end."""

import json

import pytest
import torch

from common.crf.presets import CrfSettings
from common.engine.losses import as_means
from common.engine.optimizer import OptimizerConfig
from common.errors import ConfigError
from deeplabv2 import seed_losses
from deeplabv2.main import main
from deeplabv2.networks.dsrg import CAFFE_MEAN, DeepLabVGG16
from deeplabv2.networks.registry import grouped_parameters
from deeplabv2.networks.settings import RATES, NetworkConfig
from deeplabv2.samples import caffe_input
from deeplabv2.seed_losses import (
    balanced_seed_loss,
    dsrg_losses,
    floored_softmax,
    grow_batch,
    one_hot_seeds,
    plain_seed_loss,
    refined_probabilities,
    retrain_losses,
    self_labels,
)
from deeplabv2.settings import SegmentationLossConfig
from deeplabv2.train import SeedStep

GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.randint(0, 4, (2, 5, 5), generator=GENERATOR)
IMAGES = torch.randint(0, 256, (2, 5, 5, 3), generator=GENERATOR).byte()
TAGS = torch.ones(2, 2)
# A CRF that leaves a doubt, so that its gradient is not lost beside the other.
GENTLE = CrfSettings(1, 0.1, 5, 20, 0.1, 2)
LOGITS = 3 * torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(1))


def losses(logits=LOGITS, **options):
    return dsrg_losses(logits, LABELS, IMAGES, tags=TAGS, **options)


def test_seed_and_constrain_loss_are_weighed_alike():
    assert set(losses()) == {"seed", "constrain"}
    wanted = balanced_seed_loss(floored_softmax(LOGITS), one_hot_seeds(LABELS, 3))
    torch.testing.assert_close(losses()["seed"], wanted)


def test_the_constrain_loss_teaches_through_the_probabilities_and_through_the_crf():
    """Gradients to p and to log q, of which the CRF hands (1 - q) times to p; none through a bounded ratio."""
    logits = LOGITS.clone().requires_grad_()
    (found,) = torch.autograd.grad(losses(logits=logits, crf=GENTLE)["constrain"], logits)
    p = floored_softmax(logits)
    q = refined_probabilities(p.detach(), IMAGES, settings=GENTLE)
    ratio = q / p.detach()
    free = ((ratio > 0.05) & (ratio < 20)).float()
    assert 0 < free.mean() < 1
    direct = -ratio * free
    through_crf = (1 - q) * q * (ratio.clamp(0.05, 20).log() + free)
    both, one_alone, other_alone = (
        torch.autograd.grad(p, logits, part / (len(p) * 25), retain_graph=True)[0]
        for part in (direct + through_crf, direct, through_crf)
    )
    torch.testing.assert_close(found, both)
    assert min(one_alone.abs().max(), other_alone.abs().max()) > 0.01 * both.abs().max()


def test_the_value_of_the_constrain_loss_is_the_divergence_of_p_from_q():
    p = floored_softmax(LOGITS)
    q = refined_probabilities(p, IMAGES)
    torch.testing.assert_close(losses()["constrain"], (q * (q / p).clamp(0.05, 20).log()).sum(1).mean())


@pytest.mark.parametrize(("name", "loss"), [("balanced", balanced_seed_loss), ("plain", plain_seed_loss)])
def test_the_seed_loss_is_the_one_of_the_settings(name, loss):
    wanted = loss(floored_softmax(LOGITS), one_hot_seeds(LABELS, 3))
    torch.testing.assert_close(losses(seed=name)["seed"], wanted)


def test_seeds_grow_where_the_refined_probabilities_are_sure_and_are_the_seeds_of_the_loss():
    p = floored_softmax(LOGITS)
    q = refined_probabilities(p, IMAGES)
    seeds = grow_batch(q, one_hot_seeds(LABELS, 3), TAGS, 0.6, 0.4)
    torch.testing.assert_close(losses(grow=(0.6, 0.4))["seed"], balanced_seed_loss(p, seeds))


def test_the_threshold_of_the_background_is_not_that_of_the_foreground(monkeypatch):
    asked = []
    monkeypatch.setattr(
        seed_losses,
        "grow_seeds",
        lambda p, seeds, labels, background, foreground: asked.append((labels, background, foreground)) or seeds,
    )
    loss = SegmentationLossConfig("dsrg", grow=True, grow_background=0.9, grow_foreground=0.7)
    step = SeedStep(loss, 255, caffe_input(CAFFE_MEAN))
    batch = {
        "image": torch.zeros(2, 3, 33, 33),
        "mask": torch.zeros(2, 33, 33).long(),
        "tags": torch.tensor([[0, 1.0], [1, 0]]),
    }
    step(lambda images: [LOGITS], batch)
    assert asked == [([0, 2], 0.9, 0.7), ([0, 1], 0.9, 0.7)]


def test_without_the_constrain_loss_no_crf_is_computed(monkeypatch):
    monkeypatch.setattr(seed_losses, "log_refined_probabilities", lambda *arguments: pytest.fail("the CRF ran"))
    assert set(losses(constrain=False)) == {"seed"}


def test_grown_seeds_replace_the_given_ones():
    assert losses()["seed"] != losses(grow=(0.0, 0.0))["seed"]


def test_unlabelled_positions_only_count_for_the_networks_own_labels():
    means = as_means(retrain_losses(LOGITS, torch.full((2, 5, 5), 3)), 2)
    assert means["labels"].total == 0 and means["labels"].count == 0
    assert means["own"].count == 50


def test_own_labels_are_those_of_the_image_where_it_has_any():
    labels = torch.full((2, 5, 5), 3)
    labels[0, 0, 0] = 2
    own = self_labels(LOGITS, labels)
    assert (own[0] == 2).all() and torch.equal(own[1], LOGITS[1].argmax(0))


def test_learning_rates_and_decay_are_the_published_ones():
    network = DeepLabVGG16(3, RATES, width=0.05)
    groups = grouped_parameters(network, NetworkConfig("DSRG_VGG16"), OptimizerConfig(lr=0.001))
    found = {group["name"]: (group["lr"], group["weight_decay"], len(group["params"])) for group in groups}
    assert found == {
        "head_bias": (0.02, 0.0, 4),
        "head": (0.01, 5e-4, 4),
        "bias": (0.002, 0.0, 21),
        "backbone": (0.001, 5e-4, 21),
    }


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / "toy_dsrg" / "dsrg" / "train"


def test_a_training_writes_the_network_alone(seed_checkpoint):
    state = torch.load(seed_checkpoint, weights_only=True)
    assert "base.fc8_1.weight" in state and all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    lines = [json.loads(line) for line in (seed_checkpoint.parent / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2] and {"seed", "constrain"} <= set(lines[0])


def test_a_stopped_training_ends_as_one_that_was_not_stopped(seed_settings, seed_checkpoint, tmp_path, folder):
    for stop in ("1", "0"):
        assert main(["train", *seed_settings, "--out", str(tmp_path), "--engine.stop_at", stop]) == 0
    assert (folder / "checkpoint_final.pth").read_bytes() == seed_checkpoint.read_bytes()


@pytest.mark.parametrize(
    ("changed", "head"),
    [
        (["--loss.grow"], "fc8_1.weight"),
        (["--loss.name", "retrain"], "fc8_1.weight"),
        (["--loss.seed_loss", "plain", "--loss.constrain", "false"], "fc8_1.weight"),
        (["--network.name", "DeepLabV2_MSC"], "aspp.c0.weight"),
    ],
)
def test_every_loss_on_seeds_trains(seed_settings, tmp_path, changed, head):
    assert main(["train", *seed_settings, "--out", str(tmp_path), "--max-steps", "1", *changed]) == 0
    (final,) = tmp_path.rglob("checkpoint_final.pth")
    assert torch.load(final, weights_only=True)[f"base.{head}"].isfinite().all()


def test_the_published_network_trains_on_whole_masks_too(toy, tmp_path):
    flags = {
        "network.name": "DSRG_VGG16",
        "network.backbone.width": 0.05,
        "network.n_labels": 7,
        "network.pyramid": "[0.5]",
        "data.dataset": "toy",
        "data.train_list": "train",
        "image.crop_size": 32,
        "engine.max_steps": 1,
        "engine.batch_size": 2,
        "engine.workers": 0,
        "engine.device": "cpu",
        "data.root": toy,
        "out": tmp_path,
    }
    assert main(["train", *(f"--{name}={value}" for name, value in flags.items())]) == 0
    assert list(tmp_path.rglob("checkpoint_final.pth"))


def test_without_seeds_the_message_says_how_to_give_them(seed_settings, tmp_path):
    with pytest.raises(ConfigError, match="--label-dir"):
        main(["train", *seed_settings, "--label-dir", "", "--out", str(tmp_path)])
