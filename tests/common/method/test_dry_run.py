"""``reproduce --dry-run`` says what a chain would do and everything that it lacks, and leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common.bench.steps import in_own_process
from common.commands import parse_command
from common.config import config_to_dict
from common.data.toy import ToyConfig, make_toy
from common.engine.checkpoint import latest_checkpoint
from common.errors import ConfigError
from common.method.__main__ import main
from common.method.calls import working_in
from common.method.command import command_of, settings_of
from common.method.estimate import cost_of_step, length_of, network_size
from common.method.method import Method
from common.method.missing import look_for_missing, weights_of
from common.method.plan_of_chain import Plan, PlannedStage, plan_of_chain, trainer_command
from common.method.reference import flags_of_reference
from common.method.registry import config_for, find_method, method_names
from common.method.segmentation import SEGMENTER
from common.method.settings import TOP
from common.method.training import Training

METHODS = [*method_names(), "tests.common.method.focal_cam"]


@pytest.fixture(autouse=True)
def in_repository_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative paths begin in the repository; a command may go elsewhere."""
    monkeypatch.chdir(TOP)


def contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dry") / "toy"
    make_toy(root, ToyConfig(n_train=6, n_val=2, size=40))
    return root


def planned(name: str, data: str, root: Path, *flags: str) -> tuple[Method, Plan]:
    """The plan of a method with a dataset's configuration."""
    method = find_method(name)
    words = ["-c", str(config_for(method, data)), "--root", str(root), *flags]
    with working_in(TOP):
        settings = settings_of("", command_of(method, "", of_chain=True), words)
        return method, plan_of_chain(method, settings, words)


@pytest.mark.parametrize("name", METHODS)
def test_without_the_dataset_all_of_it_is_missing_and_nothing_is_written(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", lambda *arguments, **options: pytest.fail("a folder is made"))
    root = tmp_path / "VOC"
    assert main([name, "reproduce", "--dry-run", "--root", str(root), "--out", str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    missing = shown[shown.index("5. What is missing") :]
    for what in (f"dataset folder {root} does not exist", f"{root}/JPEGImages", f"{root}/SegmentationClassAug"):
        assert what in missing
    for what in (f"{root}/ImageSets/", f"{root}/tags.csv", *files_of_weights(name, root)):
        assert what in missing
    assert "10,582 (assumed)" in shown and "nothing is missing" not in shown


def files_of_weights(name: str, root: Path) -> set[str]:
    """Files of initial weights that the trainings of a method's paper start from and no stage makes."""
    _, plan = planned(name, "voc", root)
    trainings = [(one, one.stage) for one in plan.stages if isinstance(one.stage, Training) and not one.stage.after]
    named = {Path(value).name for one, stage in trainings for _, value in weights_of(stage, one.settings) if value}
    made = {path.name for one in plan.stages if one.stage is not None for path in one.stage.writes(one.settings)}
    return {one for one in named - made if Path(one).suffix}


@pytest.mark.parametrize("name", METHODS)
def test_with_a_complete_dataset_nothing_is_missing_and_nothing_is_written(name, toy, tmp_path, capsys):
    before = contents(toy)
    flags = ["--root", str(toy), "--out", str(tmp_path / "out")]
    status = main([name, "reproduce", "--dry-run", "--data", "toy", *flags])
    shown = capsys.readouterr().out
    # These start from the reference rows of the configuration's own folder, which the chain makes first.
    assert status == 0 and "nothing is missing" in shown, shown[shown.index("5. What") :]
    assert "(assumed)" not in shown.replace("300 (assumed)", "")
    assert contents(toy) == before and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("data", ["voc", "toy"])
@pytest.mark.parametrize("name", METHODS)
def test_a_printed_command_gives_the_stage_the_settings_of_the_chain(name, data, toy):
    _, plan = planned(name, data, toy)
    assert plan.problems == []
    known: dict[tuple[str, ...], Any] = {}
    for one in (one for one in plan.stages if one.name != "toy set"):
        program, stage, *flags = program_and_flags(one)
        key = (program, *flags)
        if key not in known:
            known[key] = comparable(parsed(program, stage, flags))
        assert known[key] == comparable(one.settings), one.command


def program_and_flags(one: PlannedStage) -> list[str]:
    """Method or program, stage, flags of a printed command."""
    words = list(one.command)
    if words[:3] == ["python", "-m", "common.method"]:
        assert find_method(words[3]).stage(words[4]).name == one.name
        return words[3:]
    assert words[:2] == ["python", "deeplabv2/main.py"] and words[2] in ("train", "test", "crf")
    return [SEGMENTER, *words[2:]]


def parsed(program: str, stage: str, flags: list[str]) -> Any:
    """The settings that a printed command gives, in the repository's folder. All stages of a program have the same."""
    with working_in(TOP):
        if program == SEGMENTER:
            return parse_command(stage, trainer_command(stage), flags)
        return settings_of("", command_of(find_method(program), ""), flags)


def comparable(settings: Any) -> dict[str, Any]:
    """Without the list that only a command's ``--split`` names."""
    values = config_to_dict(settings)
    values["data"] = {name: value for name, value in values["data"].items() if name != "val_list"}
    return values


@pytest.mark.parametrize("name", METHODS)
def test_the_steps_are_those_of_the_training(name, toy):
    _, plan = planned(name, "toy", toy)
    for one in (one for one in plan.stages if isinstance(one.stage, Training) and one.method != SEGMENTER):
        if one.stage.usual_samples(one.settings):
            continue
        with working_in(one.place):
            n_samples = len(one.stage.layout(one.settings).ids("train"))
            assert length_of(one).steps == one.stage.engine(one.settings, n_samples).end_step
            assert length_of(one).images.n == 6


def test_epochs_become_steps(tmp_path):
    _, plan = planned("sod_wsss", "voc", tmp_path / "none")
    trainings = [one for one in plan.stages if isinstance(one.stage, Training) and one.method == "sod_wsss"]
    steps = {one.name: length_of(one).steps for one in trainings}
    # 150 epochs of DUTS-TR, 15 and 3 of VOC without the last batch.
    assert (steps["sod"], steps["train"], steps["affinity"]) == (99000, 15 * 330, 3 * 330)


def test_what_a_run_left_is_what_was_planned(finished, tiny):
    method = find_method("plain_cam")
    with working_in(finished):
        words = ["-c", str(tiny)]
        plan = plan_of_chain(method, settings_of("", command_of(method, ""), words), words)
        checkpoint = latest_checkpoint(finished / "run/checkpoints")
        train = next(one for one in plan.stages if one.name == "train")
        size = network_size(train)
        assert checkpoint is not None and size is not None and checkpoint.stem == f"checkpoint_{length_of(train).steps}"
        assert size.checkpoint == pytest.approx(checkpoint.stat().st_size, rel=0.1)


def test_every_missing_file_is_named_by_its_place(toy, tmp_path):
    root = tmp_path / "toy"
    root.mkdir()
    for part in toy.iterdir():
        if part.name != "Sal":
            (root / part.name).symlink_to(part)
    _, plan = planned("i2crc", "toy", root, "--backbone.weights", "none.pth")
    said = list(look_for_missing(plan).missing)
    assert any(f"no saliency maps: folder {root / 'Sal'} does not exist" in message for message in said)
    assert any("6 of 6 saliency are not in" in message for message in said)
    assert any("there is no weights file" in message and "none.pth" in message for message in said)


def test_a_chain_makes_the_toy_set_first(tmp_path):
    _, plan = planned("sgan", "toy", tmp_path / "none")
    assert plan.stages[0].command == ("python", "-m", "common.data.toy", str(tmp_path / "none"))
    assert look_for_missing(plan).missing == {}


def test_a_wrong_configuration_of_the_segmentation_is_named_and_the_rest_is_planned(toy):
    _, plan = planned("plain_cam", "toy", toy, "--chain.segmentation", "none.yaml")
    assert {message for _, message in plan.problems} == {
        "there is no configuration none.yaml, neither here nor in the toolbox; correct the section chain"
    }
    assert [one.name for one in plan.stages][:2] == ["train", "cam"]


def test_reference_rows_take_the_saliency_maps_of_the_method_where_theirs_are_not_stated(tmp_path):
    method = find_method("smaf")
    with working_in(TOP):
        voc, toy = (
            settings_of("", command_of(method, ""), ["-c", str(config_for(method, name))]) for name in ("voc", "toy")
        )
        assert "PFAN (published maps)" in flags_of_reference(voc) and "SALImages" in flags_of_reference(voc)
        assert "--report.saliency_source" not in flags_of_reference(toy)


@pytest.mark.parametrize("name", METHODS)
def test_a_step_is_timed_on_a_made_up_batch_without_the_dataset(name, tmp_path):
    flags = ["--engine.batch_size", "2", "--device", "cpu"]
    _, plan = planned(name, "toy", tmp_path / "none", *flags)
    for one in (one for one in plan.stages if isinstance(one.stage, Training) and one.method == name):
        cost = cost_of_step(one.method, one.name, one.settings, one.place)
        assert cost.made_up and cost.seconds > 0
    assert not (tmp_path / "none").exists()


def test_a_step_of_the_segmentation_is_timed_in_a_process_of_its_own(toy):
    _, plan = planned("plain_cam", "toy", toy, "--device", "cpu")
    train = next(one for one in plan.stages if one.method == SEGMENTER)
    cost = in_own_process(cost_of_step, train.method, train.name, train.settings, train.place)
    assert cost.seconds > 0 and cost.peak > 0


@pytest.mark.parametrize(("flags", "message"), [
    (["--measure"], "--measure is for --dry-run"),
    (["--dry-run", "--data", "moon"], "no configuration moon.yaml"),
    (["--dry-run", "--data", "voc", "-c", "x.yaml"], "no configuration beside it"),
])  # fmt: skip
def test_flags_that_do_not_go_together_are_refused(flags, message):
    with pytest.raises(ConfigError, match=message):
        main(["plain_cam", "reproduce", *flags])
