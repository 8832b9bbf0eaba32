"""The settings of the baseline."""

from __future__ import annotations

from pathlib import Path

import pytest

import common.baseline
from common.baseline.config import BaselineConfig, LabelConfig
from common.config import parse_config
from common.errors import ConfigError

CONFIGS = sorted((Path(common.baseline.__file__).parent / "configs").glob("*.yaml"))


def parse(*arguments):
    return parse_config(BaselineConfig, arguments, program="common.baseline label")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_comes_along_is_valid_and_opens_with_its_command(path):
    config = parse("-c", str(path))
    assert Path(config.out).name == "baseline" or "baseline" in config.out
    assert f"python -m common.baseline train -c common/baseline/configs/{path.name}" in path.read_text().splitlines()[0]


def test_every_kind_of_label_has_a_row_and_a_folder_of_its_own():
    kinds = [
        *(LabelConfig(background=background) for background in ("constant", "power", "saliency")),
        *(LabelConfig(background=background, crf="label") for background in ("constant", "power", "saliency")),
        LabelConfig(background="power", crf="cam"),
    ]
    assert len({kind.folder for kind in kinds}) == len(kinds)
    assert [kind.method for kind in kinds[:3]] == ["plain CAM", "plain CAM, power background", "CAM x saliency"]
    assert [kind.method for kind in kinds[3:6]] == [kind.method for kind in kinds[:3]]
    assert kinds[3].folder == "plain_cam_crf_label"


def test_everything_is_written_below_the_run_folder():
    config = parse("--out", "runs/x", "--labels.background", "saliency")
    assert config.folder.results == Path("runs/x/results.json")
    assert config.cam_folder == Path("runs/x/cams")
    assert config.label_folder == Path("runs/x/labels/cam_x_saliency")
    assert config.sweep_file == Path("runs/x/threshold_sweep.json")


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
