"""Stages that a method begins with where it starts from plain CAM: its run, its weights, label maps of its CAMs."""

import sys
import types

import pytest
import torch

from common.engine.checkpoint import load_model_state
from common.errors import CheckpointError, ConfigError, DataError
from common.method.labels import Labels
from common.method.maps import GivenMaps
from common.method.other_run import InitialWeights, OtherProgram, OtherRun
from common.method.plain_cam import CamSettings
from common.method.settings import with_values

NAMED = {"out": "own", "report.method": "CAM", "data.dataset": "toy", "data.root": "data", "engine.workers": 0}
WEIGHTS = InitialWeights(
    name="init",
    path=lambda settings: settings.backbone.weights,
    source=lambda settings: settings.checkpoint,
    tensors=lambda settings, layout, checkpoint: {
        name: tensor for name, tensor in load_model_state(checkpoint).items() if name.startswith("backbone.")
    },
)


def settings(**values):
    return with_values(CamSettings(), NAMED | {name.replace("__", "."): value for name, value in values.items()})


def test_another_program_is_called_with_what_the_settings_say(monkeypatch):
    called = []
    module = types.ModuleType("fake_scorer")
    module.main = lambda arguments: called.append(arguments) or 0
    monkeypatch.setitem(sys.modules, "fake_scorer", module)
    stage = OtherProgram(name="table", module="fake_scorer", arguments=lambda settings: ["--pred_dir", settings.out])
    assert stage.run(settings()) == 0 and called == [["--pred_dir", "own"]]
    assert not stage.in_chain(settings())


def test_the_other_method_runs_with_its_own_configuration_or_not_at_all(work, tiny):
    stage = OtherRun(
        name="other",
        stages=("train",),
        arguments=lambda settings: (
            ["-c", str(tiny), "--root", str(work / "data"), "--out", str(work / settings.out)]
            if settings.checkpoint
            else []
        ),
    )
    assert stage.run(settings(out="other")) == 0 and not (work / "other").exists()
    assert stage.run(settings(out="other", checkpoint="given")) == 0
    assert (work / "other" / "checkpoints" / "checkpoint_2.pth").is_file()


def test_initial_weights_are_written_once(work):
    given = settings(backbone__weights="init.pth", checkpoint="run")
    assert WEIGHTS.run(given) == 0
    written = torch.load(work / "init.pth", weights_only=True)
    assert written and all(name.startswith("backbone.") for name in written)
    (work / "init.pth").write_bytes(b"mine")
    assert WEIGHTS.run(given) == 0 and (work / "init.pth").read_bytes() == b"mine"
    assert WEIGHTS.run(with_values(given, {"force": True})) == 0 and (work / "init.pth").read_bytes() != b"mine"


def test_initial_weights_need_a_finished_training_and_a_file(work):
    with pytest.raises(DataError, match="no training in nowhere"):
        WEIGHTS.run(settings(backbone__weights="init.pth", checkpoint="nowhere"))
    with pytest.raises(ConfigError, match="name the file"):
        WEIGHTS.run(settings(backbone__weights="imagenet", checkpoint="run"))
    (work / "run" / "checkpoints" / "checkpoint_2.pth").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint|stopped at step 1"):
        WEIGHTS.run(settings(backbone__weights="init.pth", checkpoint="run"))


def test_label_maps_of_given_maps_say_which_maps_these_were(work):
    labels = Labels(maps=GivenMaps(folder=lambda settings: work / settings.checkpoint))
    with pytest.raises(DataError, match="no maps in"):
        labels.run(settings(checkpoint="nowhere"))
    assert labels.run(settings(checkpoint="run/cams")) == 0
    assert labels.made(settings())["maps"]["network"]["steps"] == {"train": 2}
    (work / "run" / "cams" / "stage.json").unlink()
    assert labels.run(settings(checkpoint="run/cams", out="unknown")) == 0
    assert labels.made(settings(out="unknown"))["maps"] == {"folder": str(work / "run" / "cams")}
