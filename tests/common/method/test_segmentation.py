"""DeepLab-v2 as the chain calls it: other programs in this process, with the flags a user would type."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from common.errors import ConfigError, DataError
from common.method.calls import StageError, call
from common.method.label_sets import LabelSet
from common.method.plain_cam import METHOD, CamSettings
from common.method.reproduce import job_of, segmentations
from common.method.segmentation import Segmentation, common_flags
from common.method.settings import TOP, with_values


def fake_program(monkeypatch, main):
    module = types.ModuleType("fake_program")
    module.main = main
    monkeypatch.setitem(sys.modules, "fake_program", module)


def test_a_program_with_another_status_than_that_of_failed_images_stops_the_chain_by_name(monkeypatch):
    fake_program(monkeypatch, lambda arguments: 3)
    with pytest.raises(StageError, match="python -m fake_program --flag"):
        call("fake_program", ["--flag"])


def test_an_error_of_a_program_passes_unchanged(monkeypatch):
    def main(arguments):
        raise DataError("no images")

    fake_program(monkeypatch, main)
    with pytest.raises(DataError, match="no images"):
        call("fake_program", [])


def test_a_program_that_ends_well_shows_what_to_type_to_repeat_it(monkeypatch, capsys):
    fake_program(monkeypatch, lambda arguments: 0)
    call("fake_program", ["--name", "two words"])
    assert "$ python -m fake_program --name 'two words'" in capsys.readouterr().out


@pytest.fixture
def settings(monkeypatch) -> CamSettings:
    # A path is shown as it is written in the repository's folder.
    monkeypatch.chdir(TOP)
    values = {"out": "runs/x", "chain.segmentation": "deeplabv2/configs/toy.yaml", "report.saliency_source": "maps"}
    values["report.tag_source"] = "mine"
    return with_values(CamSettings(), values)


def jobs(settings):
    return [job_of(METHOD, settings, one) for one in segmentations(METHOD, settings)]


def flag(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_a_segmentation_learns_from_the_folder_its_labels_are_in(settings):
    plain, guided, ceiling = (job.arguments() for job in jobs(settings))
    assert (TOP / flag(plain, "-c")).is_file() and flag(plain, "--out") == "runs/x/deeplabv2"
    assert flag(plain, "--label-dir") == "runs/x/labels/plain_cam"
    assert (flag(plain, "--experiment"), flag(plain, "--report.method")) == ("plain_cam", "plain CAM")
    assert flag(plain, "--report.saliency_source") == "none"
    assert flag(guided, "--label-dir") == "runs/x/labels/cam_x_saliency"
    assert flag(guided, "--report.saliency_source") == "maps"
    assert [flag(job, "--report.tag_source") for job in (plain, guided, ceiling)] == ["mine", "mine", "none"]
    assert "--label-dir" not in ceiling and flag(ceiling, "--report.method") == "fully supervised"


def test_seed_dataset_and_weights_reach_the_segmentation(settings):
    changed = with_values(settings, {"engine.seed": 5, "data.root": "photos", "chain.weights": "mobilenet.pth"})
    arguments = jobs(changed)[0].arguments()
    assert (flag(arguments, "--seed"), flag(arguments, "--root")) == ("5", "photos")
    assert flag(arguments, "--network.backbone.weights") == "mobilenet.pth"
    assert "--network.backbone.weights" not in jobs(settings)[0].arguments()


def test_one_set_of_labels_may_have_a_segmentation_of_its_own(settings):
    job = job_of(METHOD, settings, LabelSet(segmentation="other/dsrg.yaml", suffix=", DSRG"))
    assert (job.config, job.experiment, job.row) == ("other/dsrg.yaml", "plain_cam_dsrg", "plain CAM, DSRG")


def test_a_configuration_of_the_toolbox_is_found_from_anywhere_and_a_missing_one_is_named(
    settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    arguments = jobs(settings)[0].arguments()
    assert (TOP / flag(arguments, "-c")).is_file()
    assert flag(arguments, "--out") == str(tmp_path / "runs/x/deeplabv2")
    with pytest.raises(ConfigError, match=r"no configuration never\.yaml"):
        jobs(with_values(settings, {"chain.segmentation": "never.yaml"}))[0].arguments()


def test_without_a_configuration_no_segmentation_is_trained(settings):
    unnamed = with_values(settings, {"chain.segmentation": ""})
    assert segmentations(METHOD, unnamed) == []
    with pytest.raises(ConfigError, match=r"chain\.segmentation is empty"):
        METHOD.stage("segment").run(unnamed)


def test_a_segmentation_without_labels_says_which_stage_makes_them(settings, tmp_path):
    with pytest.raises(DataError, match="run the stage label first"):
        METHOD.stage("segment").run(with_values(settings, {"out": str(tmp_path)}))


def test_a_second_segmentation_has_an_experiment_of_its_own(settings):
    first = Segmentation(labels=METHOD.labels)
    second = Segmentation(labels=METHOD.labels, name="segment2", experiment_ending="_segment2")
    assert first.job(settings).experiment == "plain_cam"
    assert second.job(settings).experiment == "plain_cam_segment2"
    assert first.job(settings).out == second.job(settings).out == Path("runs/x/deeplabv2")


def test_precision_auto_goes_along_the_chain_and_a_given_one_does_not():
    def flags(precision):
        return common_flags(with_values(CamSettings(), {"engine.precision": precision}))

    assert flags("auto")[-2:] == ["--engine.precision", "auto"]
    assert "--engine.precision" not in flags("bf16")
