"""Trainings that start from each other, and what they leave for the stages after them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from common.config import parse_config
from common.engine.checkpoint import load_model_state
from common.errors import CheckpointError, ConfigError
from common.files import read_json
from common.method.command import run_method
from common.method.labels import Labels
from common.method.maps import Maps
from common.method.method import Method
from common.method.plain_cam import CamSettings, train_classifier
from common.method.published import Published
from common.method.settings import with_values, without_initial_weights
from common.method.stage import dataset_of, inside, never
from common.models.backbones import build_backbone

BASE = train_classifier(name="base", folder=inside("base"))
SECOND = train_classifier(
    name="second",
    after=BASE,
    folder=inside("second"),
    published=Published(path=lambda settings, layout: Path(settings.out) / f"final_{layout.n_classes}.pth"),
)
MAPS = Maps(training=SECOND)
METHOD = Method("twice", CamSettings, (BASE, SECOND, MAPS, Labels(maps=MAPS)))


@pytest.fixture
def twice(work, tiny):
    """``twice(stage, ..., flags=())``: commands of the method, below ``twice``."""
    return lambda *stages, flags=(): run_method(METHOD, [*stages, str(tiny), "--out", "twice", *flags])


@pytest.fixture
def settings(tiny):
    return parse_config(CamSettings, ["-c", str(tiny), "--out", "twice"], program="test")


def equal(state: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return state.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in state.items())


def test_a_training_starts_from_the_end_of_the_one_before(twice, work, settings):
    assert twice("base") == 0
    initial = SECOND.initial_network(settings, dataset_of(settings), 4).state_dict()
    assert equal(initial, load_model_state(work / "twice/base/checkpoints/checkpoint_2.pth"))
    assert twice("second") == 0
    assert not equal(initial, load_model_state(work / "twice/second/checkpoints/checkpoint_2.pth"))


def test_a_training_whose_start_is_missing_or_unfinished_says_so(twice):
    with pytest.raises(CheckpointError, match="twice/base/checkpoints has no checkpoint; run the training first"):
        twice("second")
    twice("base", flags=["--engine.stop_at", "1"])
    with pytest.raises(CheckpointError, match="twice/base stopped at step 1 of 2"):
        twice("second")


def test_the_published_network_is_written_at_the_end_and_is_where_the_maps_come_from(twice, work, settings):
    twice("base")
    twice("second", flags=["--engine.stop_at", "1"])
    with pytest.raises(CheckpointError, match=r"no trained network twice/final_6\.pth; run the stage second first"):
        twice("cam")
    twice("second", "cam")
    published = torch.load(work / "twice/final_6.pth", weights_only=True)
    assert equal(published, load_model_state(work / "twice/second/checkpoints/checkpoint_2.pth"))
    network, path = SECOND.trained(settings, dataset_of(settings))
    assert path == Path("twice/final_6.pth") and equal(network.state_dict(), published) and not network.training


def test_what_was_made_names_the_steps_of_all_trainings_behind_it(twice, work):
    twice("base", "second", "cam")
    network = read_json(work / "twice/cams/stage.json")["network"]
    assert network["steps"] == {"base": 2, "second": 2} and network["initial_weights"] == "random"


def test_maps_of_another_training_under_the_same_settings_are_not_taken_for_complete(twice, work):
    twice("base", "second", "cam")
    state = torch.load(work / "twice/final_6.pth", weights_only=True)
    state["head.weight"] += 1
    torch.save(state, work / "twice/final_6.pth")
    with pytest.raises(ConfigError, match=r"network\.sha256: .*--force"):
        twice("cam")


def test_a_training_left_out_of_the_chain_stands_for_the_one_before(work, tiny, settings, capsys):
    optional = train_classifier(name="optional", after=BASE, folder=inside("optional"), in_chain=never)
    maps = Maps(training=optional)
    method = Method("once", CamSettings, (BASE, optional, maps, Labels(maps=maps)))
    assert run_method(method, ["train", "cam", str(tiny), "--out", "twice"]) == 0
    assert "optional: left out by the settings" in capsys.readouterr().out
    assert not (work / "twice/optional").exists() and maps.made(settings)["network"]["steps"] == {"base": 2}


def test_a_published_file_may_hold_more_and_be_read_into_a_part_of_the_network(work, tiny, settings):
    def load_backbone(settings, backbone, path):
        backbone.load_state_dict(torch.load(path, weights_only=True)["backbone"])

    published = Published(
        path=lambda settings, layout: Path(settings.out) / "part.pth",
        content=lambda settings, network, engine: {
            "backbone": network.backbone.state_dict(),
            "step": engine.end_step,
        },
        network=lambda settings, layout: build_backbone(settings.backbone),
        load=load_backbone,
    )
    training = train_classifier(folder=inside("part"), published=published)
    assert training.run(settings) == 0
    content = torch.load(work / "twice/part.pth", weights_only=True)
    backbone, path = training.trained(settings, dataset_of(settings))
    assert path == Path("twice/part.pth") and content["step"] == 2
    assert equal(backbone.state_dict(), content["backbone"])


def test_samples_are_counted_without_building_them_where_a_method_can(work, settings):
    training = train_classifier(n_samples=lambda settings, layout: 7)
    assert training.count(settings, dataset_of(settings)) == 7
    assert BASE.count(settings, dataset_of(settings)) == 4


def test_a_given_network_takes_the_place_of_a_training(work, tiny):
    maps = Maps(training=BASE, checkpoint=lambda settings: "released.pth")
    torch.save(load_model_state(work / "run/checkpoints/checkpoint_2.pth"), work / "released.pth")
    given = Method("given", CamSettings, (maps, Labels(maps=maps)))
    assert run_method(given, ["cam", str(tiny), "--out", "given", "--seed", "9"]) == 0
    network = read_json(work / "given/cams/stage.json")["network"]
    assert network["initial_weights"] == "released released.pth" and network["steps"] == {"given network": 0}


GIVEN_FIRST = train_classifier(
    name="first",
    folder=inside("first"),
    published=Published(
        path=lambda settings, layout: Path(settings.out) / "first.pth", given=lambda settings: settings.checkpoint
    ),
)
THEN = train_classifier(name="then", after=GIVEN_FIRST, folder=inside("then"))
OF_FIRST = Maps(name="first_maps", training=GIVEN_FIRST, checkpoint=lambda settings: "", folder=inside("first_maps"))
OF_THEN = Maps(name="cam", training=THEN, checkpoint=lambda settings: "")
GIVEN = Method("given", CamSettings, (GIVEN_FIRST, OF_FIRST, THEN, OF_THEN, Labels(maps=OF_THEN)))


@pytest.fixture(params=["named", "in place"])
def given(request, work, tiny):
    """Commands of a method whose first network is somebody else's: named in the settings, or laid in its place."""
    state = load_model_state(work / "run/checkpoints/checkpoint_2.pth")
    (work / "given").mkdir()
    path = work / ("theirs.pth" if request.param == "named" else "given/first.pth")
    torch.save(state, path)
    flags = ["--checkpoint", "theirs.pth"] if request.param == "named" else []
    return path, lambda *words: run_method(GIVEN, [*words, "-c", str(tiny), "--out", "given", *flags])


def test_a_given_network_is_where_the_next_training_starts_and_maps_come_from(given, work, settings, capsys):
    path, run = given
    before = path.read_bytes()
    assert run("first") == 0
    assert f"{path.name} is given, nothing is trained" in capsys.readouterr().out
    assert run("first_maps", "then", "cam") == 0
    assert path.read_bytes() == before and not (work / "given/first").exists()
    first, then = (read_json(work / "given" / name / "stage.json")["network"] for name in ("first_maps", "cams"))
    assert first["initial_weights"] == then["initial_weights"] == f"released {path.name}"
    assert first["steps"] == {"given network": 0} and then["steps"] == {"given network": 0, "then": 2}


def test_a_given_network_needs_no_initial_weights_at_hand(given, work):
    _, run = given
    assert run("then", "cam", "--backbone.weights", "not_here.pth") == 0


def test_a_given_network_is_trained_anew_only_by_force(given, work):
    _, run = given
    assert run("first", "--force") == 0
    assert (work / "given/first/checkpoints/checkpoint_2.pth").is_file()


def test_a_network_named_by_the_path_of_its_own_training_is_not_somebody_elses(work, tiny):
    flags = ["-c", str(tiny), "--out", "given"]
    assert run_method(GIVEN, ["first", *flags]) == 0
    assert run_method(GIVEN, ["first_maps", *flags, "--checkpoint", "given/first.pth"]) == 0
    assert read_json(work / "given/first_maps/stage.json")["network"]["steps"] == {"first": 2}


def test_a_given_network_that_is_not_there_is_named(work, tiny):
    with pytest.raises(CheckpointError, match=r"there is no weights file nowhere\.pth"):
        run_method(GIVEN, ["then", "-c", str(tiny), "--out", "given", "--checkpoint", "nowhere.pth"])


def test_maps_that_the_settings_leave_out_are_not_made(work, tiny, capsys):
    maps = Maps(training=BASE, in_chain=never, optional=True)
    method = Method("once", CamSettings, (BASE, maps, Labels(maps=maps)))
    assert run_method(method, ["cam", str(tiny), "--out", "twice"]) == 0
    assert capsys.readouterr().out.endswith("cam: left out by the settings\n")


def test_all_trainings_are_one_command_with_the_maps_between_them(work, tiny):
    assert run_method(GIVEN, ["train", "-c", str(tiny), "--out", "given"]) == 0
    made = [folder for folder in ("first", "first_maps", "then", "cams") if (work / "given" / folder).exists()]
    assert made == ["first", "first_maps", "then"]


def test_settings_change_by_their_dotted_names_and_are_checked():
    settings = CamSettings()
    assert with_values(settings, {"engine.seed": 3}).engine.seed == 3
    assert settings.engine.seed == 0
    with pytest.raises(ConfigError, match=r"CamSettings has no setting engine\.sed"):
        with_values(settings, {"engine.sed": 3})
    with pytest.raises(ConfigError, match=r"labels\.threshold is 2"):
        with_values(settings, {"labels.threshold": 2})
    named = with_values(settings, {"backbone.weights": "imagenet"})
    assert without_initial_weights(named).backbone.weights == ""
