import pytest
import torch

from common.baseline.__main__ import main as baseline
from common.errors import CheckpointError, DataError
from sgan.models.build import build_network
from sgan.models.initial import write_initial_weights

CLASSIFIER = [
    *("--out", "stage0"),
    *("--data.dataset", "toy"),
    *("--data.root", "data"),
    *("--backbone.name", "vgg16"),
    *("--backbone.width", "0.05"),
    *("--augmentation.crop_size", "32"),
    *("--engine.max_steps", "2"),
    *("--engine.batch_size", "2"),
    *("--engine.workers", "0"),
    *("--engine.device", "cpu"),
]
FLAGS = ("--pretrain", "init.pth", "--stage0.classifier", "stage0")


def test_the_classifiers_body_gets_the_published_names_and_is_what_training_starts_from(settings, work):
    baseline(["train", *CLASSIFIER])
    write_initial_weights(settings(*FLAGS))
    written = torch.load(work / "init.pth", weights_only=True)
    trained = torch.load(work / "stage0" / "checkpoints" / "checkpoint_2.pth", weights_only=True)["model"]
    assert torch.equal(written["conv1_2.weight"], trained["backbone.features.2.weight"])
    assert len(written) == 26
    network = build_network(settings(*FLAGS), 6)
    assert torch.equal(network.backbone.conv5_3.bias, trained["backbone.features.28.bias"])


def test_weights_that_are_there_stay(settings, work):
    (work / "init.pth").write_bytes(b"mine")
    write_initial_weights(settings(*FLAGS))
    assert (work / "init.pth").read_bytes() == b"mine"


def test_a_missing_or_unfinished_classifier_is_an_error(settings, work):
    with pytest.raises(DataError, match="no classifier in stage0"):
        write_initial_weights(settings(*FLAGS))
    baseline(["train", *CLASSIFIER, "--engine.stop_at", "1"])
    with pytest.raises(CheckpointError, match="stopped at step 1 of 2"):
        write_initial_weights(settings(*FLAGS))
