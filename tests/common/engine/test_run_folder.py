from __future__ import annotations

import shutil

import pytest

from common.engine.inference import OutputFolder
from common.engine.run_folder import RunFolder, describe_differences
from common.errors import CheckpointError, ConfigError
from common.files import read_json, write_json

SETTINGS = {"engine": {"seed": 0, "workers": 2}, "augmentation": {"area": (0.35, 1.0)}}


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "first")
    folder.begin(SETTINGS)
    return folder


def changed(**engine):
    return {**SETTINGS, "engine": {**SETTINGS["engine"], **engine}}


def test_a_run_records_its_settings_and_its_environment(run):
    assert run.config.read_text() == "engine:\n  seed: 0\n  workers: 2\naugmentation:\n  area:\n  - 0.35\n  - 1.0\n"
    known = {"run_format", "command", "commit", "versions", "platform", "gpus", "threads"}
    assert known == read_json(run.environment).keys()


def test_a_run_continues_with_the_same_settings(run):
    run.begin(SETTINGS)


@pytest.mark.parametrize("left", ["another format", "no format", "no environment"])
def test_a_run_of_an_older_version_is_refused_until_it_is_forced(run, left):
    environment = read_json(run.environment)
    if left == "no environment":
        run.environment.unlink()
    else:
        older = {"run_format": 1} if left == "another format" else {}
        write_json(
            run.environment, {name: value for name, value in environment.items() if name != "run_format"} | older
        )
    with pytest.raises(ConfigError, match=r"first holds a run of an older version of the toolbox.*--force"):
        run.begin(SETTINGS)
    assert "seed: 0" in run.config.read_text()
    write_json(run.environment, environment)
    run.begin(changed(seed=1), force=True)


def test_changed_settings_are_named(run):
    with pytest.raises(ConfigError, match=r"other settings \(engine\.seed: 0 -> 1\)"):
        run.begin(changed(seed=1))


def test_a_setting_that_is_new_or_gone_is_named(run):
    with pytest.raises(ConfigError, match=r"engine\.momentum: not set -> 0\.9, engine\.seed: 0 -> not set"):
        run.begin({**SETTINGS, "engine": {"workers": 2, "momentum": 0.9}})


def test_what_changes_no_number_may_differ_and_is_recorded_anew(run):
    run.begin(changed(workers=8))
    assert "workers: 8" in run.config.read_text()


def test_a_caller_may_free_other_settings(run):
    run.begin(changed(seed=1), free={"engine.seed"})


def test_force_starts_anew(run):
    run.checkpoints.mkdir()
    (run.checkpoints / "checkpoint_5.pth").touch()
    run.metrics.touch()
    run.begin(changed(seed=1), force=True)
    assert {path.name for path in run.path.iterdir()} == {"config.yaml", "environment.json", "inputs.json"}
    assert "seed: 1" in run.config.read_text()


def stage_of(folder, ids=("a", "b/c")):
    output = OutputFolder(folder, ".png", {"scale": 1})
    output.begin(ids)
    for image_id in ids:
        output.file(image_id).parent.mkdir(parents=True, exist_ok=True)
        output.file(image_id).touch()


def test_force_deletes_what_the_toolbox_wrote_and_names_what_it_leaves(run, capsys):
    stage_of(run.path / "labels/plain_cam")
    (run.path / "checkpoints").mkdir()
    written = [
        "checkpoints/checkpoint_5.pth",
        "checkpoints/.checkpoint_6.pth.x.partial",
        "results.json",
        "metrics.jsonl",
    ]
    own = ["notes.txt", "mine/keep.png", "mine/results.json", "checkpoints/best.pth", "labels/plain_cam/by hand.png"]
    for name in written + own:
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).touch()
    run.begin(changed(seed=1), force=True)
    left = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
    assert left == {*own, "config.yaml", "environment.json", "inputs.json"}
    assert (
        "not written by the toolbox, so --force leaves it: checkpoints, labels, mine, notes.txt"
        in capsys.readouterr().out
    )


def test_force_leaves_empty_folders_of_others_and_none_of_its_own(run):
    stage_of(run.path / "labels/plain_cam")
    (run.path / "to be filled").mkdir()
    run.begin(SETTINGS, force=True)
    assert (run.path / "to be filled").is_dir() and not (run.path / "labels").exists()


def test_force_leaves_copies_of_stages_and_other_runs_inside_alone(run):
    stage_of(run.path / "labels")
    shutil.copytree(run.path / "labels", run.path / "labels by hand")
    other = RunFolder(run.path / "backup")
    other.begin(SETTINGS)
    stage_of(other.path / "cams")
    run.begin(SETTINGS, force=True)
    assert not (run.path / "labels").exists()
    assert (run.path / "labels by hand/b/c.png").is_file() and (other.path / "cams/a.png").is_file()


def test_force_on_a_folder_that_is_not_there_makes_it(tmp_path):
    RunFolder(tmp_path / "new").begin(SETTINGS, force=True)
    assert (tmp_path / "new" / "config.yaml").exists()


def test_force_fills_an_empty_folder(tmp_path):
    RunFolder(tmp_path).begin(SETTINGS, force=True)
    assert (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize("names", [["thesis.tex"], ["config.yaml", "main.py"]])
def test_force_does_not_delete_what_is_no_run(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text("years of work")
    with pytest.raises(ConfigError, match="not the folder of a run"):
        RunFolder(tmp_path).begin(SETTINGS, force=True)
    assert [(tmp_path / name).read_text() for name in names] == ["years of work"] * len(names)


def test_force_on_a_linked_run_folder_keeps_the_link_and_links_inside(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept.txt").touch()
    (run.path / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(run.path)
    RunFolder(tmp_path / "link").begin(SETTINGS, force=True)
    assert (tmp_path / "link").is_symlink() and (run.path / "data").is_symlink()
    assert (tmp_path / "elsewhere" / "kept.txt").exists()


def test_checkpoints_of_unknown_settings_are_not_continued(run):
    run.checkpoints.mkdir()
    (run.checkpoints / "checkpoint_5.pth").touch()
    run.config.unlink()
    with pytest.raises(ConfigError, match=r"checkpoints but no config\.yaml"):
        run.begin(SETTINGS)


def test_a_file_is_no_run_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file"):
        RunFolder(tmp_path / "file").begin(SETTINGS)


def test_a_training_that_never_began_or_stopped_early_is_not_finished(run):
    with pytest.raises(CheckpointError, match="has no checkpoint; run the training first"):
        run.finished_checkpoint(10)
    run.checkpoints.mkdir()
    (run.checkpoints / "checkpoint_9.pth").touch()
    with pytest.raises(CheckpointError, match="stopped at step 9 of 10"):
        run.finished_checkpoint(10)
    (run.checkpoints / "checkpoint_10.pth").touch()
    assert run.finished_checkpoint(10) == run.checkpoints / "checkpoint_10.pth"


def test_many_differences_are_counted():
    old = {f"key{number}": 0 for number in range(8)}
    new = dict.fromkeys(old, 1)
    assert describe_differences(old, new).endswith("key4: 0 -> 1 and 3 more")
    assert describe_differences(old, dict(old)) == ""


def test_an_empty_setting_that_an_older_run_did_not_have_is_no_difference(tmp_path):
    RunFolder(tmp_path / "run").begin({"a": 1})
    RunFolder(tmp_path / "run").begin({"a": 1, "initial": ""})
    with pytest.raises(ConfigError, match="initial:  -> x.pth"):
        RunFolder(tmp_path / "run").begin({"a": 1, "initial": "x.pth"})


def test_two_spellings_of_one_folder_are_the_same_setting(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    old = {"data": {"root": "data"}}
    for same in (str(tmp_path / "data"), "other/../data"):
        assert describe_differences(old, {"data": {"root": same}}) == ""
    for different in ("other", "missing/data", "", None):
        assert describe_differences(old, {"data": {"root": different}}) == f"data.root: data -> {different}"


def test_what_an_earlier_version_does_not_know_and_is_off_changes_nothing():
    old = {"engine": {"seed": 0}}
    for off in (0.0, False, "", []):
        assert describe_differences(old, {"engine": {"seed": 0, "new": off}}) == ""
    assert describe_differences(old, {"engine": {"seed": 0, "new": 0.5}}) == "engine.new: not set -> 0.5"
    assert describe_differences({"engine": {"seed": 0, "new": 0.5}}, {"engine": {"seed": 0, "new": 0.0}}) != ""
