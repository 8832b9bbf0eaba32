"""The command line that every method has."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from common.commands import Flag
from common.errors import ConfigError, DataError
from common.files import read_json
from common.method.__main__ import main
from common.method.command import entry, run_method, taken
from common.method.plain_cam import METHOD, CamSettings
from common.method.registry import find_method, method_names
from common.method.settings import with_chain_weights, with_values
from tests.common.method import focal_cam

TOP = Path(__file__).parents[3]
EXAMPLE = "tests.common.method.focal_cam"


@pytest.mark.parametrize("arguments", [[], ["learn"], ["--out", "x"]])
def test_without_a_known_stage_the_stages_are_listed(arguments):
    with pytest.raises(ConfigError, match=r"train \| cam \| label \| score"):
        main(["plain_cam", *arguments])


def test_a_misspelled_stage_among_others_is_not_taken_for_a_configuration(tiny):
    with pytest.raises(
        ConfigError, match=r"cma is neither a stage nor a configuration file; the stages are train, cam"
    ):
        main(["plain_cam", "train", "cma", str(tiny)])


@pytest.mark.parametrize("arguments", [[], ["--help"], ["plain_cma"], ["no.such.module"]])
def test_without_a_known_method_the_methods_are_listed(arguments):
    with pytest.raises(ConfigError, match="plain_cam"):
        main(arguments)


def test_a_module_without_a_method_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"common\.errors declares no METHOD"):
        main(["common.errors", "train"])


def test_a_method_is_found_by_its_folder_or_by_its_module():
    assert find_method("plain_cam") is METHOD
    assert find_method(EXAMPLE) is focal_cam.METHOD
    assert method_names()[0] == "plain_cam"


def test_the_help_of_a_method_lists_all_its_commands(capsys):
    assert main([EXAMPLE, "--help"]) == 0
    shown = capsys.readouterr().out
    for name in ("train", "cam", "label", "score", "pictures", "segment", "reproduce", "ablation", "bench"):
        assert f"\n  {name} " in shown


@pytest.mark.parametrize("command", ["train", "label", "reproduce", "ablation", "bench"])
def test_the_help_of_a_command_lists_its_flags_and_runs_nothing(command, capsys):
    assert main([EXAMPLE, command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"{EXAMPLE} {command} [-c CONFIG] [flags]" in shown
    assert "--seed N" in shown and "--root FOLDER" in shown


def test_a_method_without_variants_has_no_ablation(capsys):
    assert main(["plain_cam", "--help"]) == 0
    assert "ablation" not in capsys.readouterr().out


def test_a_method_s_own_setting_is_a_flag(work, tiny, capsys):
    assert main([EXAMPLE, "train", str(tiny), "--out", "focal", "--gamma", "1"]) == 0
    assert "gamma: 1.0" in (work / "focal/config.yaml").read_text()
    with pytest.raises(ConfigError, match=r"gamma: 1\.0 -> 2\.0"):
        main([EXAMPLE, "cam", str(tiny), "--out", "focal"])


def test_several_stages_go_on_without_images_that_fail_in_one_and_the_status_says_so(work, tiny, capsys):
    (work / "run/cams/train_0001.npz").unlink()
    (work / "data/JPEGImages/train_0001.jpg").write_text("<html>not found</html>")
    assert main(["plain_cam", "cam", "label", str(tiny)]) == 1
    output = capsys.readouterr().out
    assert "cam: 0 written, 3 already there, 1 failed" in output
    assert "label: 3 written, 0 already there, 0 failed, 1 left out" in output


def test_several_stages_end_with_the_first_error(work, tiny):
    shutil.rmtree(work / "run/cams")
    with pytest.raises(DataError, match="no maps in run/cams"):
        main(["plain_cam", "label", "score", str(tiny)])
    assert not (work / "run/results.json").exists()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["reproduce", "--until", "crf"], "--until is crf; use one of labels, segmentation, report"),
        (["ablation", "--seeds", "a"], "--seeds is a; give numbers"),
        (["ablation", "--variants", "gamma9"], "has no variant gamma9; there is gamma0, gamma2"),
    ],
)
def test_a_wrong_word_of_a_chain_is_an_error_that_names_the_choices(work, tiny, arguments, word):
    with pytest.raises(ConfigError, match=word):
        main([EXAMPLE, *arguments, "-c", str(tiny)])


def test_every_set_of_label_maps_is_one_command(work, tiny, capsys):
    assert main(["plain_cam", "label_sets", str(tiny)]) == 0
    made = sorted(path.name for path in (work / "run/labels").iterdir())
    assert {"plain_cam", "cam_x_saliency"} <= set(made)
    assert not (work / "run/results.json").exists(), "a dataset without masks has label maps too"


def run_entry_with(*arguments, **slots):
    """``main`` of an entry file for label maps, with these arguments."""
    return entry(METHOD, "label", **slots)(argv=list(arguments))


def test_an_entry_file_has_flags_of_its_own_which_given_ones_overrule(work, tiny):
    slots = {"config": str(tiny), "flags": ["--labels.threshold", "0.4"]}
    for given, expected in ([], 0.4), (["--labels.threshold", "0.6", "--force"], 0.6), ([str(tiny), "--force"], 0.4):
        assert run_entry_with(*given, **slots) == 0
        assert read_json(work / "run/labels/plain_cam/stage.json")["rule"]["threshold"] == expected


@pytest.mark.parametrize("given", [["own.yaml"], ["-c", "own.yaml"], ["--config=own.yaml"]])
def test_the_configuration_of_an_entry_file_is_read_where_none_is_given(work, tiny, given):
    (work / "own.yaml").write_text(f"base: {tiny}\nlabels:\n  threshold: 0.7\n")
    assert run_entry_with(*given, config="not_there.yaml") == 0
    assert read_json(work / "run/labels/plain_cam/stage.json")["rule"]["threshold"] == 0.7
    with pytest.raises(ConfigError, match=r"not_there\.yaml"):
        run_entry_with(config="not_there.yaml")


def test_a_flag_may_mean_something_of_its_own_in_an_entry_file(work, tiny):
    aliases = {"weights": "labels.threshold", "network": None}
    assert run_entry_with(str(tiny), "--network", "any", "--weights", "0.2", aliases=aliases) == 0
    assert read_json(work / "run/labels/plain_cam/stage.json")["rule"]["threshold"] == 0.2


def test_an_entry_file_takes_more_stages_as_its_first_arguments(work, tiny):
    assert run_entry_with("score", str(tiny)) == 0
    assert (work / "run/results.json").is_file()


@pytest.mark.slow
def test_gpus_in_the_environment_share_a_stage_among_processes(work, tiny, monkeypatch, capfd):
    shutil.rmtree(work / "run/cams")
    monkeypatch.setenv("GPUS", "2")
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    assert main(["plain_cam", "cam", str(tiny)]) == 0
    assert capfd.readouterr().out.count("cam: 2 written, 0 already there, 0 failed") == 2


def test_a_flag_is_taken_with_the_words_that_follow_it():
    arguments = ["--seeds", "0", "1", "x.yaml", "--out", "y"]
    assert taken(arguments, "--seeds") == ["0", "1"]
    assert arguments == ["x.yaml", "--out", "y"]
    assert taken(arguments, "--variants") == []


def test_initial_weights_of_the_chain_reach_the_method_s_backbone_unless_it_names_its_own():
    given = with_values(CamSettings(), {"chain.weights": "a.pth"})
    assert with_chain_weights(given).backbone.weights == "a.pth"
    assert with_chain_weights(with_values(given, {"backbone.weights": "imagenet"})).backbone.weights == "a.pth"
    assert with_chain_weights(with_values(given, {"backbone.weights": "own.pth"})).backbone.weights == "own.pth"
    assert with_chain_weights(CamSettings()).backbone.weights == ""


def test_flags_and_variables_of_a_method_are_those_of_all_its_commands(work, tiny, monkeypatch, capsys):
    flags = (Flag(("--quick",), "--engine.max_steps=1", "", "a single step"),)
    method = dataclasses.replace(METHOD, flags=flags, environment={"EXP": "--out"})
    monkeypatch.setenv("EXP", "named")
    assert run_method(method, ["train", str(tiny), "--quick"]) == 0
    assert (work / "named/checkpoints/checkpoint_1.pth").is_file()
    run_method(method, ["train", "--help"])
    shown = capsys.readouterr().out
    assert "--quick" in shown and "EXP for --out" in shown
