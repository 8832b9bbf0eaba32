"""The recipes parse, are the published ones, and say at their top what they are; the script runs them."""

from pathlib import Path

import pytest

from common.config import parse_config
from common.engine.schedules import build_schedule
from sgan.segmentation.config import SegmentationConfig
from tests.deeplabv2.test_scripts import interpreter, run  # noqa: F401

FOLDER = Path(__file__).parents[3] / "sgan" / "segmentation"
SCRIPT = FOLDER / "run.sh"
FILES = sorted(path.stem for path in (FOLDER / "configs").glob("*.yaml"))


def parsed(name):
    return parse_config(SegmentationConfig, ["-c", str(FOLDER / "configs" / f"{name}.yaml")], program="test")


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_opens_with_its_command_its_numbers_and_its_time(name):
    lines = (FOLDER / "configs" / f"{name}.yaml").read_text().splitlines()
    head = "\n".join(line for line in lines if line.startswith("#"))
    assert "bash sgan/segmentation/run.sh" in head and "Time: " in head and "Here: " in head
    parsed(name)


def test_no_two_recipes_write_to_one_folder():
    assert len({parsed(name).out for name in FILES}) == len(FILES)


def test_the_first_training_is_the_published_one():
    config = parsed("voc12")
    rate = build_schedule(config.schedule, config.engine.max_steps)
    assert [round(0.001 * rate(step), 7) for step in (0, 1999, 2000, 4000, 7999)] == [
        1e-3,
        1e-3,
        3.3e-4,
        1.089e-4,
        3.59e-5,
    ]
    assert (config.engine.max_steps, config.engine.batch_size, config.optimizer.lr) == (8000, 15, 0.001)
    assert (config.optimizer.momentum, config.optimizer.weight_decay, config.optimizer.name) == (0.9, 5e-4, "sgd")
    assert (config.augmentation.resize, config.augmentation.crop_size) == (353, 321)
    assert (config.losses.recipe, config.losses.seed, config.losses.constrain, config.losses.grow) == (
        *("dsrg", "balanced"),
        *(True, False),
    )
    assert config.test.sides == [288, 385, 481] and config.network.name == "vgg16"


def test_the_second_training_is_the_published_one():
    config = parsed("voc12_retrain")
    assert (config.engine.max_steps, config.engine.batch_size, config.schedule.name) == (20000, 10, "poly")
    assert config.losses.recipe == "retrain"


def test_the_script_runs_all_stages_from_any_directory(tmp_path, interpreter):  # noqa: F811
    done, calls = run(SCRIPT, tmp_path, interpreter, "own.yaml", "--label-dir", "seeds")
    assert done.returncode == 0, done.stderr
    common = ["-c", f"{tmp_path}/own.yaml", "--label-dir", "seeds"]
    assert [call[1:] for call in calls] == [
        ["-m", "sgan.segmentation", "train", *common],
        ["-m", "sgan.segmentation", "test", *common],
        ["-m", "sgan.segmentation", "test", *common, "--smooth"],
    ]
    assert {call[0] for call in calls} == {str(FOLDER.parents[1])}


def test_the_script_takes_the_published_recipe_and_several_gpus(tmp_path, interpreter):  # noqa: F811
    _, calls = run(SCRIPT, tmp_path, interpreter, GPUS="2")
    assert calls[0][1:5] == ["-m", "torch.distributed.run", "--nproc_per_node", "2"]
    assert calls[0][-1] == str(FOLDER / "configs" / "voc12.yaml")


def test_the_script_ends_at_the_first_stage_that_fails(tmp_path, interpreter):  # noqa: F811
    done, calls = run(SCRIPT, tmp_path, interpreter, FAIL="train")
    assert (done.returncode, len(calls)) == (7, 1)


def test_help_says_how_to_call_the_script(tmp_path, interpreter):  # noqa: F811
    done, calls = run(SCRIPT, tmp_path, interpreter, "--help")
    assert (done.returncode, calls) == (0, []) and "bash sgan/segmentation/run.sh" in done.stdout
