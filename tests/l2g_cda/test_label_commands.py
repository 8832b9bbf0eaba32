"""The paper's commands after training, on a generated dataset."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.images import read_label_map
from common.errors import ConfigError, DataError
from l2g_cda import dataset_arguments
from l2g_cda.evaluate import main as evaluate
from l2g_cda.gen_gt import main as gen_gt
from l2g_cda.make_bank import main as make_bank
from l2g_cda.measure_defects import main as measure_defects
from l2g_cda.res import main as res
from l2g_cda.scripts.evaluate_mthr_coco import main as evaluate_mthr_coco
from l2g_cda.scripts.evaluate_mthr_voc import main as evaluate_mthr_voc

FOLDER = Path(__file__).resolve().parents[2] / "l2g_cda"
EXP = ("--runs", "runs", "--experiment_name", "EXP")


@pytest.fixture
def here(layout, tmp_path, monkeypatch):
    """A folder with the maps of experiment EXP: perfect attention PNGs and AffinityNet files."""
    monkeypatch.chdir(tmp_path)
    attention, cams = tmp_path / "runs" / "EXP" / "ms" / "attention", tmp_path / "runs" / "EXP" / "cam_npy_aff"
    attention.mkdir(parents=True)
    cams.mkdir()
    for image_id, tags in layout.read_tags(layout.ids("train")).items():
        truth, numbers = read_label_map(layout.mask_path(image_id)), np.flatnonzero(tags)
        maps = [np.where(truth == number + 1, 200, 20).astype(np.uint8) for number in numbers]
        for number, values in zip(numbers, maps, strict=True):
            Image.fromarray(values).save(attention / f"{image_id}_{number}.png")
        content = {"keys": np.array([0, *(numbers + 1)]), "cam": None, "hr_cam": np.stack(maps) / 255}
        np.save(cams / f"{image_id}.npy", np.array(content, dtype=object))
    return tmp_path


@pytest.fixture
def toy_flags(toy):
    return ["--dataset", "toy", "--root", str(toy)]


def test_gen_gt_writes_a_label_map_per_image(here, toy_flags, layout):
    assert gen_gt([*toy_flags, *EXP, "--save_path", "labels", "--num_workers", "0"]) == 0
    assert len(list((here / "labels").glob("*.png"))) == len(layout.ids("train"))


def test_gen_gt_puts_labels_beside_the_images_by_default(here, toy, layout):
    shutil.copytree(toy, "data/voc12")
    flags = ["--dataset", "toy", "--root", "data/voc12", *EXP, "--num_workers", "0"]
    assert gen_gt(flags) == 0
    assert (here / "data" / "voc12" / "pseudo_seg_labels_EXP" / f"{layout.ids('train')[0]}.png").is_file()


def test_gen_gt_fails_when_a_map_is_missing(here, toy_flags, capsys):
    lost = next((here / "runs" / "EXP" / "ms" / "attention").glob("*.png"))
    lost.unlink()
    assert gen_gt([*toy_flags, *EXP, "--save_path", "labels", "--num_workers", "0"]) == 1
    assert lost.name in capsys.readouterr().err


def test_an_experiment_cannot_lie_outside_of_runs(toy_flags):
    with pytest.raises(DataError, match="leaves its root"):
        gen_gt([*toy_flags, "--experiment_name", "../EXP", "--save_path", "labels"])


def test_the_defaults_are_those_of_the_papers_folder(here, toy, layout, monkeypatch):
    shutil.copytree(toy, here / "data" / "voc12")
    monkeypatch.setattr(dataset_arguments, "ROOTS", {"toy": here / "data" / "voc12"})
    assert gen_gt(["--dataset", "toy", *EXP, "--num_workers", "0"]) == 0
    assert len(list((here / "data" / "voc12" / "pseudo_seg_labels_EXP").glob("*.png"))) == len(layout.ids("train"))


def test_evaluate_prints_every_threshold_and_the_best(here, toy_flags, capsys):
    evaluate([*toy_flags, *EXP])
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("threshold 0.") for line in lines) == 15 + 1
    assert "mIoU 100.000" in lines[-1] and any(line.strip().startswith("background: 100.000") for line in lines)


def test_evaluate_takes_one_threshold(here, toy_flags, capsys):
    evaluate([*toy_flags, *EXP, "--threshold", "0.9"])
    assert "FN 1.0000" in capsys.readouterr().out


def test_evaluate_in_mode_rw_stops_early_and_reports_activation(here, toy_flags, capsys):
    evaluate([*toy_flags, *EXP, "--mode", "rw", "--max_th", "0.3"])
    printed = capsys.readouterr().out
    assert "threshold 0.25" in printed and "threshold 0.30" not in printed and "over-activation" in printed


def test_evaluate_in_mode_png_scores_label_maps(layout, toy_flags, capsys):
    evaluate([*toy_flags, "--mode", "png", "--pred_dir", str(layout.masks)])
    assert "mIoU 100.000" in capsys.readouterr().out


def test_evaluate_prefers_the_private_list_of_the_published_script(here, toy, layout, capsys):
    shutil.copytree(toy, "data/voc12")
    (here / "data" / "voc12" / "train1.txt").write_text("no_such_image\n")
    with pytest.raises(DataError, match="no_such_image"):
        evaluate(["--dataset", "toy", "--root", "data/voc12", *EXP])


def test_evaluate_scores_against_segmentation_class_whatever_the_list_names(here, capsys):
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationClassAug", "labels"):
        (here / "voc" / folder).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(here / "voc" / "JPEGImages" / "a.jpg")
    for folder, label in (("SegmentationClass", 1), ("SegmentationClassAug", 2), ("labels", 1)):
        Image.new("L", (4, 4), label).save(here / "voc" / folder / "a.png")
    (here / "voc" / "train.txt").write_text("/JPEGImages/a.jpg /SegmentationClassAug/a.png\n")
    evaluate(["--root", "voc", "--mode", "png", "--pred_dir", "voc/labels"])
    assert "aeroplane: 100.000" in capsys.readouterr().out


def test_evaluate_without_a_sweep_to_make_is_an_error(here, toy_flags):
    with pytest.raises(ConfigError, match="thresholds must be"):
        evaluate([*toy_flags, *EXP, "--mode", "rw", "--max_th", "0"])


@pytest.mark.parametrize(("command", "count"), [(evaluate_mthr_voc, 7), (evaluate_mthr_coco, 2)])
def test_the_threshold_sweep_leaves_a_line_per_threshold(here, toy_flags, command, count):
    command([*toy_flags, *EXP])
    records = [json.loads(line) for line in (here / "runs" / "EXP" / "ms" / "result.txt").read_text().splitlines()]
    assert len(records) == count and records[-1]["Mean IoU"] == 1


def test_res_draws_every_map(here, toy_flags):
    assert res([*toy_flags, *EXP, "--num_workers", "0"]) == 0
    drawn = {path.name for path in (here / "runs" / "EXP" / "ms" / "accu_att_zoom").glob("*.png")}
    assert drawn == {path.name for path in (here / "runs" / "EXP" / "ms" / "attention").glob("*.png")}


def test_a_bank_is_made_and_its_defects_are_measured(here, toy_flags, layout, capsys):
    flags = ["--labels", str(layout.masks), "--output", "bank", "--num_workers", "0"]
    assert make_bank([*toy_flags, *flags]) == 0
    views = ["--resize", "96", "--input_size", "80", "--crop_size", "56"]
    outputs = ["--output", "effects.json", "--pictures", "pastings"]
    measure_defects([*toy_flags, "--bank", "bank", "--epochs", "1", *views, *outputs])
    assert "12 items" in capsys.readouterr().out
    assert json.loads((here / "effects.json").read_text())["wrong_tags"] == 1
    assert list((here / "pastings").glob("*.png"))


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
