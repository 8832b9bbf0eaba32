import dataclasses
import json
from pathlib import Path

import pytest
import torch

from common.engine.losses import as_means
from common.errors import ConfigError
from sgan.segmentation import steps
from sgan.segmentation.__main__ import main
from sgan.segmentation.config import LossConfig, NetworkConfig, SegmentationConfig
from sgan.segmentation.losses import balanced_seed_loss, floored_softmax, one_hot_seeds
from sgan.segmentation.network import DeepLabVGG16
from sgan.segmentation.retrain import retrain_losses, self_labels
from sgan.segmentation.steps import dsrg_losses
from sgan.segmentation.train import optimizer


def batch(n_labels=3):
    generator = torch.Generator().manual_seed(0)
    return {
        "seed": torch.randint(0, n_labels + 1, (2, 5, 5), generator=generator),
        "photograph": torch.randint(0, 256, (2, 5, 5, 3), generator=generator).byte(),
        "tags": torch.ones(2, n_labels - 1),
    }


LOGITS = 3 * torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(1))


def test_seed_and_constrain_loss_are_the_default():
    losses = dsrg_losses(LOGITS, batch(), LossConfig())
    assert set(losses) == {"seed", "constrain"}
    wanted = balanced_seed_loss(floored_softmax(LOGITS), one_hot_seeds(batch()["seed"], 3))
    torch.testing.assert_close(losses["seed"], wanted)


def test_without_the_constrain_loss_no_crf_is_computed(monkeypatch):
    monkeypatch.setattr(steps, "log_refined_probabilities", lambda *arguments: pytest.fail("the CRF ran"))
    assert set(dsrg_losses(LOGITS, batch(), LossConfig(constrain=False))) == {"seed"}


def test_grown_seeds_replace_the_given_ones():
    still = dsrg_losses(LOGITS, batch(), LossConfig())["seed"]
    grown = dsrg_losses(LOGITS, batch(), LossConfig(grow=True, grow_background=0.0, grow_foreground=0.0))["seed"]
    assert still != grown


def test_unlabelled_cells_only_count_for_the_networks_own_labels():
    labels = torch.full((2, 5, 5), 3)
    losses = as_means(retrain_losses(LOGITS, labels), 2)
    assert losses["labels"].total == 0 and losses["labels"].count == 0
    assert losses["own"].count == 50


def test_own_labels_are_those_of_the_image_where_it_has_any():
    labels = torch.full((2, 5, 5), 3)
    labels[0, 0, 0] = 2
    own = self_labels(LOGITS, labels)
    assert (own[0] == 2).all() and torch.equal(own[1], LOGITS[1].argmax(0))


def test_learning_rates_and_decay_are_the_published_ones():
    config = SegmentationConfig()
    config.optimizer = dataclasses.replace(config.optimizer, lr=0.001)
    network = DeepLabVGG16(3, width=0.05)
    groups = {group["name"]: group for group in optimizer(config, network).param_groups}
    found = {name: (group["lr"], group["weight_decay"], len(group["params"])) for name, group in groups.items()}
    assert found == {
        "head_bias": (0.02, 0.0, 4),
        "head": (0.01, 5e-4, 4),
        "bias": (0.002, 0.0, 21),
        "body": (0.001, 5e-4, 21),
    }


def test_a_training_writes_the_network_alone(trained):
    state = torch.load(trained / "model_iter_2.pth", weights_only=True)
    assert "fc8_1.weight" in state and all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2] and {"seed", "constrain"} <= set(lines[0])


def test_a_stopped_training_ends_as_one_that_was_not_stopped(flags, trained, tmp_path):
    for stop in ("1", "0"):
        assert main(["train", *flags, "--out", str(tmp_path), "--engine.stop_at", stop]) == 0
    assert (tmp_path / "model_iter_2.pth").read_bytes() == (trained / "model_iter_2.pth").read_bytes()


@pytest.mark.parametrize(
    "changed",
    [
        ["--losses.grow"],
        ["--losses.recipe", "retrain"],
        ["--losses.seed", "plain", "--losses.constrain", "false"],
        ["--network.name", "vgg16", "--network.width", "0.05"],
    ],
)
def test_every_recipe_and_network_trains(flags, tmp_path, changed):
    changed = [*changed, "--network.body.name", "resnet18"]
    assert main(["train", *flags, "--out", str(tmp_path), "--max-steps", "1", *changed]) == 0
    assert torch.load(tmp_path / "model_iter_1.pth", weights_only=True)["fc8_1.weight"].isfinite().all()


def test_without_seeds_the_message_says_how_to_give_them(flags, tmp_path):
    with pytest.raises(ConfigError, match="--label-dir"):
        main(["train", *flags, "--label-dir", "", "--out", str(tmp_path)])


def test_settings_that_contradict_each_other_are_errors():
    with pytest.raises(ConfigError, match=r"losses\.grow"):
        LossConfig(recipe="retrain", grow=True)
    with pytest.raises(ConfigError, match=r"grow_background is 2"):
        LossConfig(grow_background=2)
    with pytest.raises(ConfigError, match=r"network\.body\.weights"):
        NetworkConfig(name="body", weights=str(Path("vgg.pth")))


def test_a_command_is_needed():
    with pytest.raises(ConfigError, match="train | test"):
        main(["crf"])
