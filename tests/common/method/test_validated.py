"""A training that is scored as it goes publishes its best weights, and a killed one continues to the same ones."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from common.engine.checkpoint import load_model_state
from common.errors import NonFiniteError
from common.method.command import run_method
from common.method.labels import Labels
from common.method.maps import Maps
from common.method.method import Method
from common.method.plain_cam import CamSettings, cam_classifier, step_of_classifier, tagged_images
from common.method.published import Published
from common.method.stage import inside
from common.method.validated import ValidatedTraining


class Scores:
    """Scores one after the other; remembers whether the network was in eval mode, and its weights."""

    def __init__(self, *values):
        self.values, self.seen, self.modes = list(values), [], []

    def __call__(self, settings, network, device):
        self.modes.append(network.training)
        self.seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return {"error": self.values.pop(0), "other": 1.0}


def method_of(scores, validates=True):
    training = ValidatedTraining(
        network=cam_classifier,
        step=step_of_classifier,
        data=tagged_images,
        folder=inside("trained"),
        published=Published(lambda settings, layout: inside("trained", "best.pth")(settings)),
        validates=lambda settings: validates,
        scores=scores,
        stop_setting="engine.stop_at",
        every=lambda settings: 1,
    )
    maps = Maps(training=training)
    return Method("validated", CamSettings, (training, maps, Labels(maps=maps)))


@pytest.fixture
def run(tmp_path, monkeypatch, tiny, finished):
    """``run(scores, *flags)``: three epochs of two steps on four images."""
    shutil.copytree(finished / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    flags = ["--engine.batch_size", "2", "--max-steps", "6"]
    return lambda scores, *more, **kind: run_method(method_of(scores, **kind), ["train", str(tiny), *flags, *more])


def published(folder):
    return torch.load(folder / "run/trained/best.pth", weights_only=True)


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in other)


def test_the_weights_of_the_lowest_score_are_published(run, tmp_path):
    scores = Scores(0.5, 0.2, 0.3)
    assert run(scores) == 0
    assert scores.modes == [False] * 3 and same(published(tmp_path), scores.seen[1])
    recorded = json.loads((tmp_path / "run/trained/validation.json").read_text())
    assert {step: values["error"] for step, values in recorded.items()} == {"2": 0.5, "4": 0.2, "6": 0.3}


def test_a_stopped_training_continues_with_the_scores_it_has(run, tmp_path):
    straight = Scores(0.5, 0.2, 0.3)
    run(straight)
    expected = published(tmp_path)
    shutil.rmtree(tmp_path / "run/trained")
    assert run(Scores(0.5, 0.2), "--engine.stop_at", "4") == 0
    rest = Scores(0.3)
    assert run(rest) == 0 and rest.values == []
    assert same(published(tmp_path), expected)
    last = load_model_state(tmp_path / "run/trained/checkpoints/checkpoint_6.pth")
    assert same(last, straight.seen[2]) and not same(last, expected)


def test_a_finished_training_is_not_scored_again(run):
    run(Scores(0.5, 0.2, 0.3))
    assert run(Scores()) == 0


def test_weights_of_steps_that_are_gone_are_never_scored_as_if_they_were_there(run, tmp_path):
    run(Scores(0.5, 0.2, 0.3))
    (tmp_path / "run/trained/validation.json").unlink()
    again = Scores(0.4)
    assert run(again) == 0
    assert list(json.loads((tmp_path / "run/trained/validation.json").read_text())) == ["6"]


def test_without_images_to_score_the_last_weights_are_published(run, tmp_path):
    assert run(Scores(), validates=False) == 0
    last = load_model_state(tmp_path / "run/trained/checkpoints/checkpoint_6.pth")
    assert same(published(tmp_path), last)


def test_a_score_that_is_not_finite_is_an_error_that_names_the_step(run):
    with pytest.raises(NonFiniteError, match="validation after step 4: error nan"):
        run(Scores(0.5, float("nan")))


def test_force_begins_with_the_first_epoch(run, tmp_path):
    run(Scores(0.1, 0.2, 0.3))
    again = Scores(0.5, 0.6, 0.4)
    assert run(again, "--force") == 0
    assert same(published(tmp_path), again.seen[2])
