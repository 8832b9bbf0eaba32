import pytest
import torch

from common.errors import ConfigError, DataError
from sgan.train import train_network


def test_training_ends_with_the_published_form_of_the_weights(work, settings):
    state = torch.load(settings().final_weights, weights_only=True)
    assert state["gamma"].shape == (1,)
    assert {"backbone.conv1_1.weight", "f_key.bias", "fc6_CAM.weight", "fc8.weight", "fc9.bias"} <= state.keys()
    assert "fc8.bias" not in state


def test_a_stopped_training_ends_as_an_uninterrupted_one(work, settings):
    train_network(settings("--cfg_name", "parts", "--run.stop_at", "1"))
    assert not settings("--cfg_name", "parts").final_weights.exists()
    train_network(settings("--cfg_name", "parts"))
    whole, parts = settings().final_weights.read_bytes(), settings("--cfg_name", "parts").final_weights.read_bytes()
    assert whole == parts


def test_other_settings_in_the_same_run_are_refused(settings):
    with pytest.raises(ConfigError, match="seed_loss_ratio"):
        train_network(settings("--seed_loss_ratio", "0.5"))


def test_the_pace_may_change(settings):
    train_network(settings("--num_worker", "1", "--display_step", "2"))


def test_without_seeds_the_training_says_what_is_missing(settings):
    with pytest.raises(DataError, match="nowhere"):
        train_network(settings("--cfg_name", "other", "--seed_subdir", "nowhere"))


@pytest.mark.parametrize("flags", [("--use_sal", "false"), ("--semi.share", "1", "--seed_subdir", "nowhere")])
def test_plain_attention_and_full_supervision_train(settings, flags):
    config = settings("--cfg_name", "other", *flags)
    train_network(config)
    assert config.final_weights.is_file()
