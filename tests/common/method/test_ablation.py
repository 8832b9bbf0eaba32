"""Variants of a method that share their trainings."""

from __future__ import annotations

import dataclasses
import shutil

import pytest

from common.method.command import run_method
from common.method.method import Variant
from common.report.results import read_results
from tests.common.method.focal_cam import METHOD

VARIANTS = {
    "plain": Variant("focal CAM"),
    "power": Variant("focal CAM, power", {"labels.background": "power"}, network_of="plain"),
    "high": Variant("focal CAM, high threshold", {"labels.threshold": 0.9}, network_of="plain"),
    "gamma0": Variant("gamma 0", {"gamma": 0.0}),
}


@pytest.fixture
def ablation(work, tiny):
    method = dataclasses.replace(METHOD, variants=VARIANTS)
    flags = [str(tiny), "--out", "focal", "--label_crf", "false"]
    return lambda *words: run_method(method, ["ablation", *flags, *words])


def trained(output: str) -> int:
    return output.count("step 2/2")


def test_variants_that_share_a_network_train_it_once_and_make_their_own_label_maps(ablation, work, capsys):
    assert ablation() == 0
    shown = capsys.readouterr().out
    assert trained(shown) == 2
    checkpoints = {
        name: (work / f"focal/ablation/{name}_seed0/checkpoints/checkpoint_2.pth").read_bytes() for name in VARIANTS
    }
    assert checkpoints["plain"] == checkpoints["power"] == checkpoints["high"] != checkpoints["gamma0"]
    for name, variant in VARIANTS.items():
        results = read_results(work / f"focal/ablation/{name}_seed0/results.json")
        assert variant.row in {result.method.removesuffix(", power background") for result in results}
    assert all(variant.row in shown for variant in VARIANTS.values())


def test_a_second_ablation_computes_nothing_again(ablation, capsys):
    ablation()
    capsys.readouterr()
    assert ablation() == 0
    shown = capsys.readouterr().out
    assert trained(shown) == 0
    assert shown.count("0 written, 4 already there, 0 failed") == 2 * len(VARIANTS)


def test_a_copy_that_was_cut_off_is_made_again(ablation, work):
    ablation("--variants", "plain", "power")
    run = work / "focal/ablation/power_seed0"
    expected = (run / "checkpoints/checkpoint_2.pth").read_bytes()
    for path in run.iterdir():
        if path.name != "checkpoints":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (run / "checkpoints/checkpoint_2.pth").write_bytes(expected[:100])
    assert ablation("--variants", "power") == 0
    assert (run / "checkpoints/checkpoint_2.pth").read_bytes() == expected


def test_a_variant_alone_trains_the_network_it_would_share(ablation, work, capsys):
    assert ablation("--variants", "power", "--seeds", "3") == 0
    assert trained(capsys.readouterr().out) == 1
    assert {path.name for path in (work / "focal/ablation").iterdir()} == {"power_seed3"}
