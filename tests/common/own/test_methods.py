"""Every method has settings for photographs, and lengths of its trainings from their number."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from common.config import default_settings
from common.errors import ConfigError
from common.method.amount import Amount
from common.method.calls import working_in
from common.method.command import command_of, settings_of
from common.method.registry import config_for, find_method, method_names
from common.own.chain import as_flags

FEW, MANY = Amount(200, 24, 1200), Amount(3000, 4, 1200)


def settings_on_photographs(name: str, amount: Amount, out: Path, *flags: str):
    method = find_method(name)
    given = ["-c", str(config_for(method, "folder")), "--out", str(out)]
    with working_in(Path.cwd()):
        values = method.photographs(settings_of("test", command_of(method, ""), given), amount)
        return values, settings_of("test", command_of(method, ""), [*given, *as_flags(values), *flags])


def value(settings, name):
    for part in name.split("."):
        settings = getattr(settings, part)
    return settings


@pytest.mark.parametrize("name", method_names())
def test_the_lengths_follow_the_number_of_images_and_all_files_lie_in_the_run(name: str, tmp_path: Path) -> None:
    few, settings = settings_on_photographs(name, FEW, tmp_path / "my run")
    many, _ = settings_on_photographs(name, MANY, tmp_path / "my run")
    assert set(few) <= set(default_settings(find_method(name).settings))
    assert {one: value(settings, one) for one in few} == few and few != many
    places = [Path(one) for one in few.values() if isinstance(one, str)]
    assert all(place.is_relative_to(tmp_path / "my run") for place in places)
    assert settings.data.dataset == "folder" and settings.chain.segmentation == "deeplabv2/configs/folder.yaml"
    assert not settings.report.score_classes and not settings.chain.reference and not settings.chain.refine


@pytest.mark.parametrize("name", method_names())
def test_no_stage_of_photographs_looks_for_a_threshold_against_masks(name: str, tmp_path: Path) -> None:
    _, settings = settings_on_photographs(name, FEW, tmp_path)
    assert getattr(settings.labels, "choose_threshold", "fixed") in ("fixed", "tags")


def test_a_flag_of_the_user_wins(tmp_path: Path) -> None:
    _, settings = settings_on_photographs("l2g_cda", FEW, tmp_path, "--base_training.epochs", "1", "--max-steps", "3")
    assert (settings.base_training.epochs, settings.pasting.epochs, settings.engine.max_steps) == (1, 4, 3)


def test_an_amount_is_bounded_and_never_nothing() -> None:
    assert (FEW.steps(16), FEW.epochs(16), FEW.epochs(16, 1 / 2)) == (300, 24, 12)
    assert (Amount(20000, 4, 1200).steps(16), Amount(20000, 4, 1200).epochs(16)) == (1200, 1)
    assert (Amount(10, 1, 1200).steps(16), Amount(10, 1, 1200).epochs(16, 1 / 6)) == (1, 1)


def test_the_classifier_of_the_bank_is_followed_by_the_number_of_images(tmp_path: Path) -> None:
    _, settings = settings_on_photographs("l2g_cda", FEW, tmp_path, "--chain.classifier_steps", "7")
    settings.report.saliency_source = "somewhere"
    arguments = find_method("l2g_cda").stage("bank_labels").arguments(settings)
    pairs = list(itertools.pairwise(arguments))
    assert ("--max-steps", "7") in pairs and ("--out", str(tmp_path / "classifier")) in pairs
    assert ("--labels.background", "saliency") in pairs and ("--report.saliency_source", "somewhere") in pairs


def test_a_bank_from_another_place_than_its_classifier_makes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="what chain.bank_classifier makes lies in RUN/labels/cam_x_saliency"):
        settings_on_photographs("l2g_cda", FEW, tmp_path, "--bank.label_maps", "elsewhere")
