import re
from pathlib import Path

import pytest

from common.config import parse_config
from common.errors import ConfigError
from l2g_cda.config import L2GConfig, LossConfig
from l2g_cda.train import stage_engine, stage_schedule

CONFIGS = Path(__file__).parents[2] / "l2g_cda" / "configs"


def config(*flags, name="voc"):
    return parse_config(L2GConfig, ["-c", str(CONFIGS / f"{name}.yaml"), *flags], program="test")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_opens_with_its_command(path):
    config(name=path.stem)
    assert re.match(r"# ([A-Z]+=\w+ )*bash l2g_cda/\w+\.sh", path.read_text())


def test_the_published_voc_recipe():
    voc = config()
    base, pasting = (stage_engine(voc, stage, 10582).max_steps for stage in ("base", "pasting"))
    assert (base, pasting) == (10 * 3528, 3 * 3528)
    rates = [voc.base.lr * stage_schedule(voc, "base", 10582)(epoch * 3528) for epoch in range(10)]
    assert rates == pytest.approx([0.001] * 5 + [0.0001] * 5)
    assert stage_schedule(voc, "pasting", 10582)(2 * 3528) == 1
    assert (voc.engine.batch_size, voc.views.patches, voc.loss.distillation_weight) == (3, 6, 10)
    assert not voc.engine.shuffle and not voc.solver.train_added


def test_the_published_coco_recipe():
    coco = config(name="coco")
    assert stage_engine(coco, "base", 82081).max_steps == 15 * 6841
    assert coco.solver.argument_slip and coco.last_stage == "base"
    assert (coco.loss.distillation_weight, coco.loss.background_threshold, coco.loss.background) == (30, 0.1, "value")


def test_max_steps_bounds_each_training():
    assert stage_engine(config("--max-steps", "7"), "pasting", 10582).max_steps == 7


def test_the_row_of_the_table_names_the_ingredients():
    assert config().method_name == "L2G + suppression + SE + CDA"
    plain = config("--body.attention", "none", "--body.suppression", "none", "--pasting.epochs", "0")
    assert plain.method_name == "L2G"


def test_pseudo_labels_lie_where_the_paper_says():
    assert config("--experiment_name", "EXP", "--data.root", "data/voc12").label_folder == Path(
        "data/voc12/pseudo_seg_labels_EXP"
    )


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_an_experiment_name_that_is_no_folder_is_an_error(name):
    with pytest.raises(ConfigError, match="experiment_name"):
        L2GConfig(experiment_name=name)


def test_a_threshold_outside_the_unit_interval_is_an_error():
    with pytest.raises(ConfigError, match="background_threshold"):
        LossConfig(background_threshold=1.5)
