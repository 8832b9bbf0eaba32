"""The paper's small programs, on a generated dataset."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.errors import ConfigError, DataError
from l2g_cda import evaluate, gen_gt, make_bank, measure_defects, res
from l2g_cda.scripts import evaluate_mthr_coco, evaluate_mthr_voc

FOLDER = Path(__file__).resolve().parents[2] / "l2g_cda"
EXP = ("--runs", "runs", "--experiment_name", "EXP", "--num_workers", "0")


@pytest.fixture
def here(run, monkeypatch):
    """A folder with the maps of experiment EXP in ``runs``."""
    monkeypatch.chdir(run.parents[1])
    return run.parents[1]


@pytest.fixture
def toy_flags(toy):
    return ["--dataset", "toy", "--root", str(toy), "--report.saliency_source", "generated with the toy set"]


def test_gen_gt_writes_a_label_map_per_image(here, toy_flags, ids):
    assert gen_gt.main(argv=[*toy_flags, *EXP, "--thr", "0.3", "--save_path", "labels"]) == 0
    assert len(list((here / "labels").glob("*.png"))) == len(ids)


def test_gen_gt_puts_labels_beside_the_images_by_default(here, toy_flags, toy, ids):
    shutil.copytree(toy, here / "data/voc12")
    assert gen_gt.main(argv=[*toy_flags, "--root", "data/voc12", *EXP]) == 0
    assert (here / "data" / "voc12" / "pseudo_seg_labels_EXP" / f"{ids[0]}.png").is_file()


def test_gen_gt_fails_when_a_map_is_missing(here, toy_flags, ids, capsys):
    (here / "runs" / "EXP" / "cams" / f"{ids[0]}.npz").unlink()
    assert gen_gt.main(argv=[*toy_flags, *EXP, "--save_path", "labels"]) == 1
    assert ids[0] in capsys.readouterr().err


def test_an_experiment_cannot_lie_outside_of_runs(toy_flags):
    with pytest.raises(ConfigError, match="it names a folder, without slashes"):
        gen_gt.main(argv=[*toy_flags, "--experiment_name", "../EXP"])


def test_the_experiment_may_come_from_the_environment(here, toy_flags, monkeypatch):
    monkeypatch.setenv("EXP", "EXP")
    assert gen_gt.main(argv=[*toy_flags, "--runs", "runs", "--num_workers", "0", "--save_path", "labels"]) == 0
    assert list((here / "labels").glob("*.png"))


def test_evaluate_prints_every_threshold_and_the_best(here, toy_flags, capsys):
    evaluate.main(argv=[*toy_flags, *EXP])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("threshold 0.") for line in lines) == 15 + 1
    assert "mIoU 100.000" in lines[-1] and any(line.strip().startswith("background: 100.000") for line in lines)


def test_evaluate_takes_one_threshold(here, toy_flags, capsys):
    evaluate.main(argv=[*toy_flags, *EXP, "--threshold", "0.9"])
    assert "FN 1.0000" in capsys.readouterr().out


def test_evaluate_in_mode_rw_stops_early_and_reports_activation(here, toy_flags, capsys):
    evaluate.main(argv=[*toy_flags, *EXP, "--mode", "rw", "--max_th", "0.3"])
    printed = capsys.readouterr().out
    assert "threshold 0.25" in printed and "threshold 0.30" not in printed and "over-activation" in printed


def test_evaluate_in_mode_png_scores_label_maps(layout, toy_flags, capsys):
    evaluate.main(argv=[*toy_flags, "--mode", "png", "--pred_dir", str(layout.masks)])
    assert "mIoU 100.000" in capsys.readouterr().out


def test_evaluate_prefers_the_private_list_of_the_published_script(here, toy_flags, toy):
    shutil.copytree(toy, here / "data/voc12")
    (here / "data" / "voc12" / "train1.txt").write_text("no_such_image\n")
    with pytest.raises(DataError, match="no_such_image"):
        evaluate.main(argv=[*toy_flags, "--root", "data/voc12", *EXP])


def test_evaluate_scores_against_segmentation_class_whatever_the_list_names(here, capsys):
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationClassAug", "labels"):
        (here / "voc" / folder).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(here / "voc" / "JPEGImages" / "a.jpg")
    for folder, label in (("SegmentationClass", 1), ("SegmentationClassAug", 2), ("labels", 1)):
        Image.new("L", (4, 4), label).save(here / "voc" / folder / "a.png")
    (here / "voc" / "train.txt").write_text("/JPEGImages/a.jpg /SegmentationClassAug/a.png\n")
    evaluate.main(argv=["--root", "voc", "--mode", "png", "--pred_dir", "voc/labels"])
    assert "aeroplane: 100.000" in capsys.readouterr().out


def test_evaluate_without_a_sweep_to_make_is_an_error(here, toy_flags):
    with pytest.raises(ConfigError, match="thresholds must be"):
        evaluate.main(argv=[*toy_flags, *EXP, "--mode", "rw", "--max_th", "0"])


@pytest.mark.parametrize(("command", "count"), [(evaluate_mthr_voc, 7), (evaluate_mthr_coco, 2)])
def test_the_threshold_sweep_leaves_a_line_per_threshold(here, toy_flags, command, count):
    command.main(argv=[*toy_flags, *EXP])
    records = [json.loads(line) for line in (here / "runs" / "EXP" / "ms" / "result.txt").read_text().splitlines()]
    assert len(records) == count and records[-1]["Mean IoU"] == 1


def test_the_threshold_sweep_takes_thresholds_and_names_a_missing_map(here, toy_flags, ids):
    command = [*toy_flags, *EXP, "--thr", "[0.2, 0.5]", "--save_path", "scores.txt"]
    evaluate_mthr_voc.main(argv=command)
    assert len((here / "scores.txt").read_text().splitlines()) == 2
    (here / "runs" / "EXP" / "cams" / f"{ids[0]}.npz").unlink()
    with pytest.raises(DataError, match=f"image {ids[0]}: no CAM file"):
        evaluate_mthr_voc.main(argv=command)


def test_res_draws_every_map(here, toy_flags, layout, ids):
    assert res.main(argv=[*toy_flags, *EXP]) == 0
    drawn = {path.name for path in (here / "runs" / "EXP" / "ms" / "accu_att_zoom").glob("*.png")}
    tags = layout.read_tags(ids)
    assert drawn == {f"{name}_{number}.png" for name, row in tags.items() for number in np.flatnonzero(row)}


def test_a_bank_is_made_and_its_defects_are_measured(here, toy_flags, layout, capsys):
    flags = ["--labels", str(layout.masks), "--output", "bank", "--num_workers", "0"]
    assert make_bank.main(argv=[*toy_flags, *flags]) == 0
    views = ["--views.short_side", "96", "--input_size", "80", "--crop_size", "56"]
    flags = ["--bank", str(here / "bank"), "--epochs", "1", "--output", str(here / "effects.json")]
    assert measure_defects.main(argv=[*toy_flags, *flags, *views]) == 0
    printed = capsys.readouterr().out
    assert "12 items" in printed and "D2 tags: 100.0% of the unpasted twins" in printed
    assert json.loads((here / "effects.json").read_text())["wrong_tags"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    ["gen_gt.py", "evaluate.py", "res.py", "make_bank.py", "measure_defects.py", "scripts/evaluate_mthr_voc.py"],
)
def test_commands_run_from_inside_the_folder_without_installation(script):
    done = subprocess.run(
        [sys.executable, script, "--help"], cwd=FOLDER, env={"PATH": ""}, capture_output=True, text=True
    )
    assert done.returncode == 0 and "usage" in done.stdout, done.stderr
