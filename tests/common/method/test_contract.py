"""What every method has to do, asked of every registered one and of the worked example, on a few small images.

A method runs with its own toy configuration, shortened to two steps, in a folder where the paths of its configuration lead
to what it makes here. Its stages run in their order, so that each finds what it starts from.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser

from common.data.images import read_label_map
from common.data.layout import open_layout
from common.data.palette import IGNORE_LABEL
from common.data.toy import ToyConfig, make_saliency_dataset, make_toy
from common.engine.checkpoint import checkpoint_step, latest_checkpoint, load_model_state
from common.engine.settings import EngineConfig
from common.errors import ConfigError
from common.files import read_json
from common.method import bench, plain_cam
from common.method.command import command_of, run_method, settings_of
from common.method.labels import Labels
from common.method.maps import Maps
from common.method.method import Kind, Method
from common.method.other_run import OtherProgram
from common.method.registry import find_method, method_names
from common.method.reproduce import Failures, run_stage
from common.method.segmentation import Segmentation
from common.method.settings import MethodSettings
from common.method.stage import Stage
from common.method.training import Training
from common.report.results import read_results

TOP = Path(__file__).parents[3]
METHODS = [*method_names(), "tests.common.method.focal_cam"]
REFERENCE = "runs/toy_reference"
TINY = (
    *("--max-steps", "2"),
    *("--engine.batch_size", "2"),
    *("--workers", "0"),
    *("--device", "cpu"),
    *("--engine.log_every", "1"),
    *("--engine.save_every", "1"),
    *("--report.pictures", "1"),
)


def tiny_engines(settings: Any, above: str = "") -> Iterator[str]:
    """The flags of ``TINY`` for sections that have an engine of their own."""
    for field in dataclasses.fields(settings):
        section = getattr(settings, field.name)
        if isinstance(section, EngineConfig) and above:
            for name in ("batch_size", "max_steps"):
                yield f"--{above}{field.name}.{name}=2"
            for name in ("log_every", "save_every"):
                yield f"--{above}{field.name}.{name}=1"
        elif dataclasses.is_dataclass(section) and not isinstance(section, type):
            yield from tiny_engines(section, f"{above}{field.name}.")


def make_sandbox(folder: Path, home: Path) -> Path:
    """The repository as configurations see it, with ``runs`` and ``data`` of its own; the place of ``home`` in it."""
    below = home.relative_to(TOP)
    for source in TOP.iterdir():
        if source.is_dir() and source.name not in ("runs", "data", *below.parts):
            (folder / source.name).symlink_to(source)
    # A folder that commands run in cannot be a link: the paths that lead out of it would lead to the repository.
    (folder / below).mkdir(parents=True, exist_ok=True)
    for source in home.iterdir() if below.parts else ():
        (folder / below / source.name).symlink_to(source)
    return folder / below


def make_reference_rows(folder: Path) -> None:
    """Data and label maps of plain CAM, as methods start from them, where the toy configurations expect them."""
    make_toy(folder / "data/toy", ToyConfig(n_train=6, n_val=3, size=48))
    make_saliency_dataset(folder / "data/toy_saliency", ToyConfig(n_train=6, size=48, seed=1))
    toy = str(plain_cam.METHOD.configs[1])
    flags = ["-c", toy, "--root", str(folder / "data/toy"), "--out", str(folder / REFERENCE), *TINY]
    assert run_method(plain_cam.METHOD, ["reproduce", "--until", "labels", *flags]) == 0
    checkpoints = folder / REFERENCE / "checkpoints"
    whole = settings_of("test", command_of(plain_cam.METHOD, ""), ["-c", toy]).engine.max_steps
    shutil.copy(checkpoints / "checkpoint_2.pth", checkpoints / f"checkpoint_{whole}.pth")


@dataclasses.dataclass(frozen=True)
class Runs:
    """A method in its sandbox: ``straight`` is its finished run, and others may lie beside it."""

    method: Method
    folder: Path

    @property
    def straight(self) -> Path:
        return self.folder / "runs/straight"

    def arguments(self, run: Path, *flags: str) -> list[str]:
        usual = settings_of("test", command_of(self.method, ""), ["-c", str(self.method.configs[1])])
        outputs = self.method.outputs(usual, run)
        places = [word for name, value in outputs.items() for word in (f"--{name}", value)]
        root = ["--root", str(self.folder / "data/toy")]
        tiny = [*TINY, *tiny_engines(self.method.settings())]
        return ["-c", str(self.method.configs[1]), *root, *tiny, *places, *flags]

    def settings(self, run: Path) -> Any:
        return settings_of("test", command_of(self.method, ""), self.arguments(run))

    def __call__(self, run: Path, *words: str) -> int:
        """Commands, and flags after them."""
        count = next((n for n, word in enumerate(words) if word.startswith("-")), len(words))
        return run_method(self.method, [*words[:count], *self.arguments(run, *words[count:])])


def own_stages(method: Method) -> list[Stage]:
    """The stages in order, without DeepLab-v2, what starts from it, and other programs, which have tests of their own."""
    later = method.second_round() if not method.of_kind(Segmentation) else ()
    others = {stage.name for stage in later}
    return [stage for stage in method.commands if stage.name not in others and not isinstance(stage, OtherProgram)]


@pytest.fixture(scope="module", params=METHODS)
def finished_method(request, tmp_path_factory) -> Iterator[Runs]:
    """Every stage run once; ``runs`` is its working directory."""
    folder = tmp_path_factory.mktemp(request.param.rpartition(".")[2])
    method = find_method(request.param)
    with pytest.MonkeyPatch.context() as patch:
        home = make_sandbox(folder, method.home or TOP)
        patch.chdir(home)
        make_reference_rows(folder)
        runs = Runs(dataclasses.replace(method, home=home), folder)
        for stage in own_stages(method):
            assert runs(runs.straight, stage.name) == 0, stage.name
        yield runs


@pytest.fixture
def runs(finished_method: Runs, monkeypatch) -> Runs:
    monkeypatch.chdir(finished_method.method.home)
    return finished_method


def kept(stages: Sequence[Kind], settings: Any) -> list[Kind]:
    """The stages that the settings do not leave out."""
    return [stage for stage in stages if not stage.left_out(settings)]


def last_state(training: Training, settings: Any) -> tuple[int, dict[str, torch.Tensor]]:
    """Step and tensors of a training's last checkpoint."""
    latest = latest_checkpoint(training.run_folder(settings).checkpoints)
    assert latest is not None
    return checkpoint_step(latest), load_model_state(latest)


def test_a_method_declares_its_settings_and_both_configurations(runs):
    assert issubclass(runs.method.settings, MethodSettings)
    assert all(config is not None and config.is_file() for config in runs.method.configs)
    assert runs.method.trainings and runs.method.of_kind(Maps) and runs.method.of_kind(Labels)


@pytest.mark.parametrize("name", METHODS)
def test_the_parser_checks_the_type_of_every_setting(name):
    # It gives up on a class where the name of an inherited type is missing in the module of the class, and says so in its help alone.
    parser = ArgumentParser()
    parser.add_class_arguments(find_method(name).settings)
    assert not [line for line in parser.format_help().splitlines() if "Unvalidated" in line]


def test_every_stage_says_what_it_does(runs, capsys):
    assert run_method(runs.method, ["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(stage.name in shown and stage.text for stage in runs.method.commands)


def test_every_training_ends_at_its_last_step_and_is_recorded(runs):
    settings = runs.settings(runs.straight)
    layout = open_layout(settings.data)
    assert kept(runs.method.trainings, settings)
    for training in kept(runs.method.trainings, settings):
        step, state = last_state(training, settings)
        assert step == 2
        assert all(torch.isfinite(tensor.float()).all() for tensor in state.values())
        run = training.run_folder(settings)
        assert run.config.is_file() and run.metrics.is_file() and read_json(run.environment)["run_format"]
        if training.published:
            assert training.published_file(settings, layout).is_file()


def test_a_stopped_training_continues_to_the_same_bits(runs):
    stopped = runs.folder / "runs/stopped"
    straight, settings = runs.settings(runs.straight), runs.settings(stopped)
    trainings = kept(runs.method.trainings, straight)
    last = runs.method.stages.index(trainings[-1])
    for stage in kept(runs.method.stages[: last + 1], straight):
        if isinstance(stage, Training):
            assert runs(stopped, stage.name, "--engine.stop_at", "1") == 0
            assert last_state(stage, settings)[0] == 1
        assert runs(stopped, stage.name) == 0
    for training in trainings:
        (_, expected), (step, continued) = last_state(training, straight), last_state(training, settings)
        assert step == 2 and continued.keys() == expected.keys()
        unequal = [name for name, tensor in expected.items() if not torch.equal(tensor, continued[name])]
        assert not unequal, f"{training.name}: {unequal}"


def test_what_the_settings_leave_out_says_so_and_does_nothing(runs, capsys):
    settings = runs.settings(runs.folder / "runs/left_out")
    for stage in runs.method.stages:
        if stage.left_out(settings):
            assert runs(runs.folder / "runs/left_out", stage.name) == 0
            assert capsys.readouterr().out == f"{stage.name}: left out by the settings\n"
    assert not (runs.folder / "runs/left_out").exists()


def test_maps_are_made_once_for_every_image(runs, capsys):
    settings = runs.settings(runs.straight)
    ids = open_layout(settings.data).ids(settings.split)
    for maps in kept(runs.method.of_kind(Maps), settings):
        made = maps.made(settings)
        assert made["network"]["steps"] and made["network"]["initial_weights"]
        assert all((maps.folder(settings) / f"{image_id}{maps.suffix}").is_file() for image_id in ids)
        assert runs(runs.straight, maps.name) == 0
        assert f"{maps.name}: 0 written, {len(ids)} already there, 0 failed" in capsys.readouterr().out
    # A rule that looks at label maps alone leads back to maps all the same.
    shared = runs.method.labels.maps if isinstance(runs.method.labels.maps, Maps) else runs.method.of_kind(Maps)[-1]
    keys, values = shared.read(settings, ids[0])
    assert len(keys) == len(values) and np.isfinite(values).all()


def test_label_maps_have_the_size_of_their_image_and_its_tags_or_background(runs, capsys):
    settings = runs.settings(runs.straight)
    layout = open_layout(settings.data)
    tags = layout.read_tags(layout.ids(settings.split))
    for labels in runs.method.of_kind(Labels):
        for image_id, given in tags.items():
            label_map = read_label_map(labels.folder(settings) / f"{image_id}.png")
            assert label_map.shape == (48, 48)
            assert set(np.unique(label_map)) <= {0, IGNORE_LABEL, *(np.flatnonzero(given) + 1)}
        assert runs(runs.straight, labels.name) == 0
        assert f"{labels.name}: 0 written, {len(tags)} already there, 0 failed" in capsys.readouterr().out


def test_every_set_of_label_maps_of_the_chain_is_made_and_scored(runs):
    settings, labels = runs.settings(runs.straight), runs.method.labels
    # Two segmentations may learn from one set of label maps, which is one row.
    kinds = runs.method.every_kind(settings)
    run_stage(runs.method, labels, settings, Failures())
    folders = {labels.report_folder(kind) for kind in kinds}
    results = {(one.method, one.stage) for folder in folders for one in read_results(folder / "results.json")}
    assert {(labels.row(kind), labels.column(kind)) for kind in kinds} <= results


def test_a_score_is_a_row_with_its_floor_and_says_what_was_measured(runs, capsys):
    assert runs(runs.straight, "score") == 0
    settings, labels = runs.settings(runs.straight), runs.method.labels
    row, column = labels.row(settings), labels.column(settings)
    assert f"{row}, {column}, train.txt:" in capsys.readouterr().out
    results = {(one.method, one.stage): one for one in read_results(labels.report_folder(settings) / "results.json")}
    assert ("all background", column) in results
    result = results[row, column]
    assert result.tags_given and result.seed == 0
    assert {training.name for training in runs.method.trainings} >= result.steps.keys()
    assert set(result.steps.values()) == {2}
    assert (result.saliency_source != "none") == labels.uses_saliency(settings)


def test_pictures_show_the_image_its_maps_and_its_label_map(runs):
    settings = runs.settings(runs.straight)
    (example,) = (path for path in (runs.method.labels.report_folder(settings) / "examples").iterdir() if path.is_dir())
    titles = [path.stem.partition(" ")[2] for path in sorted(example.glob("*.png"))]
    assert titles[0] == "image" and "ground truth" in titles
    assert any(title.startswith("CAM: ") for title in titles)
    assert any(title.endswith(runs.method.labels.row(settings)) for title in titles)


def test_both_forms_of_the_step_have_one_loss(runs, monkeypatch, capsys):
    def in_this_process(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    # Its own process is for the peak memory, and takes seconds to start.
    monkeypatch.setattr(bench, "in_own_process", in_this_process)
    assert runs(runs.straight, "bench", "--max-steps", "1") == 0
    shown = capsys.readouterr().out
    assert all(f"{row}: " in shown for row in bench.ROWS)


def test_a_run_with_other_settings_is_refused_and_the_setting_named(runs):
    with pytest.raises(ConfigError, match=r"engine\.seed: 0 -> 1"):
        runs(runs.straight, kept(runs.method.trainings, runs.settings(runs.straight))[-1].name, "--seed", "1")
