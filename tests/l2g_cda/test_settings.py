"""Configurations, what they mean for each training, and where outputs go."""

import re
from pathlib import Path

import pytest

from common.config import parse_config
from common.data.layout import DataConfig
from common.errors import ConfigError
from common.method.settings import with_values
from l2g_cda.method import FIRST, METHOD, PSEUDO_LABELS, SECOND
from l2g_cda.network import build_pair
from l2g_cda.settings import L2G_ALIASES, L2GSettings, PartConfig, with_runs

L2G_CONFIGS = Path(__file__).parents[2] / "l2g_cda" / "configs"


def config(*flags, name="voc"):
    arguments = ["-c", str(L2G_CONFIGS / f"{name}.yaml"), *flags]
    return parse_config(L2GSettings, arguments, program="test", aliases=L2G_ALIASES)


@pytest.mark.parametrize("path", sorted(L2G_CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_opens_with_its_command(path):
    config(name=path.stem)
    assert re.match(
        r"# (bash l2g_cda/\w+\.sh|python -m common\.method l2g_cda|python3 l2g_cda/\w+\.py|wsss own)", path.read_text()
    )


def rates(training, settings, n_images, steps, monkeypatch):
    """The factors of the learning rate at some steps, for a list of so many images."""
    monkeypatch.setattr("l2g_cda.method.n_listed", lambda settings, layout: n_images)
    monkeypatch.setattr("l2g_cda.method.dataset_of", lambda settings: None)
    schedule = training.schedule(settings, training.engine(settings, n_images))
    return [schedule(step) for step in steps]


def test_the_published_voc_recipe(monkeypatch):
    voc = config()
    assert [training.engine(voc, 10582).max_steps for training in (FIRST, SECOND)] == [10 * 3528, 3 * 3528]
    starts = [epoch * 3528 for epoch in range(10)]
    assert rates(FIRST, voc, 10582, starts, monkeypatch) == pytest.approx([1.0] * 5 + [0.1] * 5)
    assert rates(SECOND, voc, 10582, [2 * 3528], monkeypatch) == [1.0]
    assert (voc.optimizer.lr, voc.base_training.rate, voc.pasting.rate) == (0.001, 0, 0.0005)
    assert (voc.engine.batch_size, voc.views.patches, voc.loss.distillation_weight) == (3, 6, 10)
    assert not voc.engine.shuffle and not voc.optimizer.train_added


def test_the_published_coco_recipe(monkeypatch):
    coco = config(name="coco")
    steps = 15 * 6841
    assert FIRST.engine(coco, 82081).max_steps == steps
    assert rates(FIRST, coco, 82081, [0, steps // 2], monkeypatch) == pytest.approx([1.0, 0.5**0.7], rel=1e-4)
    assert coco.optimizer.argument_slip and SECOND.last(coco) is FIRST
    assert (coco.loss.distillation_weight, coco.loss.background_threshold) == (30, 0.1)
    assert coco.loss.background_target == "value" and coco.optimizer.lr == 0.1


@pytest.mark.parametrize(("training", "section"), [(FIRST, "base_training"), (SECOND, "pasting")])
@pytest.mark.parametrize(("rate", "expected"), [(0.25, 0.25), (0, 0.125)])
def test_each_training_learns_at_its_own_rate_or_at_that_of_the_optimizer(training, section, rate, expected):
    other = {"base_training": "pasting", "pasting": "base_training"}[section]
    values = {f"{section}.rate": rate, f"{other}.rate": 9.0, "optimizer.lr": 0.125, "backbone.width": 0.0625}
    settings = with_values(L2GSettings(), values)
    pair = build_pair(settings.backbone, 2)
    groups = {group["name"]: group["lr"] for group in training.optimizer(settings, pair).param_groups}
    assert groups == {
        f"{kind}_{place}": pytest.approx(multiple * expected)
        for kind, multiple in (("x1", 1), ("x10", 10))
        for place in ("global", "local")
    }


def test_max_steps_bounds_each_training():
    assert SECOND.engine(config("--max-steps", "7"), 10582).max_steps == 7


def test_a_training_without_epochs_is_left_out_and_the_first_cannot_be(capsys):
    alone = config("--pasting.epochs", "0")
    assert SECOND.run(alone) == 0 and "pasting: left out" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="first training cannot be left out"):
        L2GSettings(base_training=PartConfig(epochs=0))


def test_settings_of_the_pasting_do_not_concern_the_first_training():
    assert "cda" not in FIRST.decisive(config()) and "cda" in SECOND.decisive(config())


def test_the_row_of_the_table_names_the_ingredients():
    assert PSEUDO_LABELS.row(config()) == "L2G + suppression + SE + CDA"
    plain = config("--backbone.attention", "none", "--backbone.suppression", "none", "--pasting.epochs", "0")
    assert PSEUDO_LABELS.row(plain) == "L2G"
    assert PSEUDO_LABELS.row(config("--report.method", "mine")) == "mine"


def test_every_row_of_the_ablation_is_of_valid_settings_and_shares_with_another_row():
    for name, variant in METHOD.variants.items():
        with_values(config(name="toy"), variant.values)
        assert not variant.network_of or variant.network_of in METHOD.variants, name


def test_pseudo_labels_lie_where_the_paper_says_or_in_the_run():
    flags = ("--experiment_name", "EXP", "--data.root", "data/voc12")
    assert PSEUDO_LABELS.folder(config(*flags)) == Path("data/voc12/pseudo_seg_labels_EXP")
    assert PSEUDO_LABELS.folder(config("--out", "runs/mine", name="toy")) == Path("runs/mine/labels")


def test_an_experiment_is_a_folder_of_the_papers_runs_and_out_any_folder():
    assert Path(config("--experiment_name", "EXP").out) == L2G_CONFIGS.parent / "runs" / "EXP"
    assert config("--out", "somewhere").out == "somewhere"
    assert with_runs(["-c", "x.yaml", "--experiment_name", "EXP", "--runs", "r"]) == [
        f"--out={Path('r').absolute() / 'EXP'}", "-c", "x.yaml"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a/b", "..", ""])
def test_an_experiment_name_that_is_no_folder_is_an_error(name):
    with pytest.raises(ConfigError, match="experiment_name"):
        config(f"--experiment_name={name}")


def test_published_spellings_are_settings(tmp_path):
    file = tmp_path / "published.yaml"
    file.write_text("dataset: pascal_voc\nkd_weights: 5\nbg_thr: 0.01\npatch_size: 5\ncrop_size: 100\n")
    settings = parse_config(L2GSettings, ["-c", str(file), "--cda_tr", "0.3"], program="test", aliases=L2G_ALIASES)
    assert settings.data == DataConfig(dataset="vocaug")
    assert (settings.loss.distillation_weight, settings.loss.background_threshold) == (5, 0.01)
    assert (settings.views.patches, settings.views.patch_side, settings.cda.max_overlap) == (5, 100, 0.3)
