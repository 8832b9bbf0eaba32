"""The settings of plain CAM, its rows and folders, and the methods that are declared from it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from common.config import parse_config
from common.errors import ConfigError
from common.method.plain_cam import CONFIGS, METHOD, ROW, CamSettings, label_folder, row_of
from common.method.report import report_of
from common.method.settings import with_values
from common.pseudo_labels.rule import LabelConfig
from tests.common.method import focal_cam

TOP = Path(__file__).parents[3]


def parse(*arguments):
    return parse_config(CamSettings, arguments, program="plain_cam label")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_that_comes_along_is_valid_and_opens_with_its_command(path):
    parse("-c", str(path))
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# python -m common.method ")
    assert f"common/method/configs/{path.name}" in first or "YOUR_METHOD" in first


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_that_a_chain_names_is_there(path):
    chain = parse("-c", str(path)).chain
    assert all((TOP / named).is_file() for named in (chain.segmentation, chain.reference) if named)


def test_a_method_and_its_reference_rows_do_not_share_a_folder():
    settings = parse("-c", str(CONFIGS / "toy_method.yaml"))
    reference = parse("-c", settings.chain.reference)
    assert settings.chain.reference_out == reference.out != settings.out


def test_every_kind_of_label_has_a_row_and_a_folder_of_its_own():
    kinds = [
        *(LabelConfig(background=background) for background in ("constant", "power", "saliency")),
        *(LabelConfig(background=background, crf="label") for background in ("constant", "power", "saliency")),
        LabelConfig(background="power", crf="cam"),
    ]
    folders = [label_folder(CamSettings(labels=kind)).name for kind in kinds]
    assert len(set(folders)) == len(kinds)
    assert folders[3] == "plain_cam_crf_label"
    rows = [row_of(ROW, CamSettings(labels=kind)) for kind in kinds]
    assert rows[:3] == ["plain CAM", "plain CAM, power background", "CAM x saliency"]
    assert rows[3:6] == rows[:3]


def test_another_method_s_rows_keep_its_name():
    row = partial(row_of, "focal CAM")
    assert row(CamSettings()) == "focal CAM"
    assert row(parse("--labels.background", "saliency")) == "focal CAM x saliency"
    assert row(parse("--report.method", "mine")) == "mine"


def test_everything_is_written_below_the_run_folder():
    settings = parse("--out", "runs/x", "--labels.background", "saliency")
    folders = {stage.name: str(stage.folder(settings)) for stage in METHOD.stages[:3]}
    assert folders == {"train": "runs/x", "cam": "runs/x/cams", "label": "runs/x/labels/cam_x_saliency"}
    assert METHOD.labels.sweep_file(settings) == Path("runs/x/threshold_sweep.json")


def test_the_chain_makes_both_kinds_of_label_maps_and_the_ceiling():
    sets = METHOD.label_sets(parse())
    assert [(one.values.get("labels.background"), one.values.get("labels.crf"), one.segmented) for one in sets] == [
        ("constant", "none", True),
        ("constant", "label", False),
        ("saliency", "none", True),
        ("saliency", "label", False),
        (None, None, True),
    ]
    assert sets[-1].masks
    assert len(METHOD.label_sets(parse("--label_crf", "false"))) == 3


def test_what_a_method_adds_to_the_settings_decides_its_network():
    (training,) = focal_cam.METHOD.trainings
    settings = focal_cam.FocalSettings()
    assert training.decisive(settings)["gamma"] == 2
    assert training.decisive(with_values(settings, {"labels.threshold": 0.5})) == training.decisive(settings)


def test_a_report_has_a_title_also_where_the_configuration_names_none():
    assert report_of(parse("-c", str(CONFIGS / "toy.yaml")))[0].startswith("Toy set")
    assert report_of(parse())[0]


@pytest.mark.parametrize("background", ["constant", "saliency"])
def test_the_crf_on_maps_needs_the_power_background(background):
    with pytest.raises(ConfigError, match=f"labels.crf cam works on the power background; with .* {background}"):
        parse("--labels.background", background, "--labels.crf", "cam")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", "-0.1"),
        ("threshold", "25"),
        ("threshold", "nan"),
        ("saliency_threshold", "128"),
        ("alpha", "0"),
        ("alpha", "inf"),
    ],
)
def test_a_number_out_of_range_is_an_error_that_names_the_setting(name, value):
    with pytest.raises(ConfigError, match=rf"labels\.{name}"):
        parse(f"--labels.{name}={value}")


@pytest.mark.parametrize("flags", [["--labels.background", "salience"], ["--labels.crf", "dense"], ["--split", "test"]])
def test_a_choice_that_does_not_exist_is_an_error_that_names_it(flags):
    with pytest.raises(ConfigError, match=flags[1]):
        parse(*flags)
