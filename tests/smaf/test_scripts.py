"""The paper's commands run verbatim from inside the folder, on a dataset laid out as its README says, and from anywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from common.data.restricted_pickle import load_npy
from common.data.tags import read_tags
from common.data.toy import ToyConfig, make_toy
from common.report.results import read_results
from tests.smaf.conftest import IDS

TOP = Path(__file__).parents[2]
FOLDER = TOP / "smaf"
CHAIN = ("train_eps.sh", "gen_fusion.sh", "train_fusion.sh", "gen_pm.sh")
ENTRIES = {
    "train_eps.sh": ("main.py", [], "voc"),
    "gen_fusion.sh": ("gen_fused_cam.py", [], "voc"),
    "train_fusion.sh": ("train.py", [], "voc"),
    "gen_pm.sh": ("gen_pseudo_mask.py", ["table"], "voc"),
    "voc12_cls.sh": ("main.py", ["cam", "label", "table"], "cls_voc"),
    "voc12_eps.sh": ("main.py", ["cam", "label", "table"], "eps_voc"),
    "coco_cls.sh": ("main.py", ["cam", "label", "table"], "cls_coco"),
    "coco_eps.sh": ("main.py", ["cam", "label", "table"], "eps_coco"),
}
# What of a published configuration is too large here; where things lie is left as it is.
SMALL = """
base: configs/{config}.yaml
backbone: {{name: resnet18, width: 0.125, weights: "", frozen_stages: 0}}
crop: {{crop_size: 32, long_sides: [32, 48]}}
engine: {{max_steps: 2, batch_size: 2, workers: 0, device: cpu, log_every: 1, save_every: 1}}
cam: {{scales: [1.0, 0.5]}}
"""


def lay_out(root: Path, masks: str, metadata: str, lists: dict[str, list[str]], n_classes: int) -> None:
    """Four images as the README of the paper lays them out, with the tags of EPS."""
    toy = root.with_name(f"{root.name}_toy")
    make_toy(toy, ToyConfig(n_train=4, n_val=2, size=40))
    names = (toy / "classes.txt").read_text().split()
    tags = read_tags(toy / "tags.csv", names, IDS)
    for source, target in (("JPEGImages", "JPEGImages"), ("Sal", "SALImages"), ("SegmentationClass", masks)):
        shutil.copytree(toy / source, root / target)
    (root / metadata).mkdir(parents=True)
    for name, ids in lists.items():
        (root / metadata / f"{name}.txt").write_text("\n".join(ids) + "\n")
    padded = {image_id: np.pad(vector, (0, n_classes - len(vector))) for image_id, vector in tags.items()}
    np.save(root / metadata / "cls_labels.npy", np.array(padded, dtype=object))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """The repository with ``smaf`` as files of its own, so that what commands write lies here, and datasets beside it."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("common", "deeplabv2"):
        (folder / name).symlink_to(TOP / name)
    ignored = shutil.ignore_patterns("__pycache__", "logdir")
    shutil.copytree(FOLDER, folder / "smaf", ignore=ignored)
    voc, coco = folder / "dataset/VOC2012", folder / "dataset/COCO2014"
    lay_out(voc, "SegmentationClassAug", "metadata/voc12", {"train_aug": IDS, "train": IDS[:2]}, 20)
    lay_out(coco, "SegmentationClass", "metadata/coco", {"train": IDS}, 80)
    for config in ("voc", "eps_voc", "cls_voc", "eps_coco", "cls_coco"):
        (folder / "smaf" / f"small_{config}.yaml").write_text(SMALL.format(config=config))
    return folder


def bash(script, *arguments, folder, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    given = {**clean, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **environment}
    command = ["bash", str(script), *arguments]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def chain(checkout) -> Path:
    """``logdir`` after the four commands of the paper's README."""
    for script in CHAIN:
        done = bash(f"script/{script}", "small_voc.yaml", folder=checkout / "smaf")
        assert done.returncode == 0, (script, done.stderr)
    return checkout / "smaf/logdir"


def test_both_trainings_lie_where_the_readme_says(chain):
    for folder in ("eps_cls_mode", "proda_model"):
        content = torch.load(chain / folder / "checkpoint_cls_finally.pth", weights_only=True)
        assert content["Net"]["model_state"]["fc8.weight"].shape[:2] == (21, 128) and content["iter"] == 1


def test_the_fusion_writes_maps_and_pngs(chain):
    for image_id in IDS:
        content = load_npy(chain / f"cam_o_vec/cam_npy/{image_id}.npy")
        assert content and all(values.shape == (40, 40) for values in content.values())
        assert (chain / f"cam_o_vec/cam_png/{image_id}.png").is_file()


def test_masks_are_made_of_the_whole_training_list_and_scored_on_the_published_one(chain):
    folder = chain / "proda_model/result_crf"
    for kind in ("cam_png", "crf_png"):
        assert sorted(path.stem for path in (folder / kind).glob("*.png")) == IDS
    assert (folder / "train.txt").read_text().splitlines()[1].startswith("mean ")


def test_results_name_tags_and_saliency_of_the_published_configuration(checkout, chain):
    command = [sys.executable, "gen_pseudo_mask.py", "score", "small_voc.yaml"]
    done = subprocess.run(command, cwd=checkout / "smaf", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = read_results(chain / "proda_model/result_crf/results.json")[-1]
    assert result.method == "SMAF" and result.list == "train_aug.txt"
    assert result.tag_source.startswith("cls_labels.npy ") and result.saliency_source == "PFAN (published maps)"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["voc12_cls.sh", "voc12_eps.sh", "coco_cls.sh", "coco_eps.sh"])
def test_the_scripts_of_eps_train_make_masks_and_score_them(checkout, script):
    config = ENTRIES[script][2]
    done = bash(f"script/{script}", f"small_{config}.yaml", folder=checkout / "smaf")
    assert done.returncode == 0, done.stderr
    out = checkout / "smaf/logdir" / config
    state = torch.load(out / "eps_cls_mode/checkpoint_cls_finally.pth", weights_only=True)
    n_classes = 20 if "voc" in config else 80
    assert state["fc8.weight"].shape[0] == n_classes + ("eps" in config)
    assert len(list((out / "cam_o_vec/cam_png").glob("*.png"))) == 4
    assert (out / "cam_o_vec/train.txt").is_file()


@pytest.fixture
def stand_in(tmp_path) -> str:
    """A python that prints where and with what it was called."""
    path = tmp_path / "python"
    path.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$PWD" "$@"\nexit "${STATUS:-0}"\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("script", ENTRIES)
def test_every_script_hands_on_configuration_and_flags_from_anywhere(tmp_path, stand_in, script):
    program, words, config = ENTRIES[script]
    done = bash(FOLDER / "script" / script, "own.yaml", "--seed", "3", folder=tmp_path, PYTHON=stand_in)
    expected = [str(FOLDER / program), *words, str(FOLDER / "configs" / f"{config}.yaml"), "own.yaml", "--seed", "3"]
    assert done.returncode == 0 and done.stdout.splitlines() == [str(tmp_path), *expected]


@pytest.mark.parametrize("word", ["reproduce", "ablation"])
def test_the_chain_and_the_ablation_are_commands_of_the_method(tmp_path, stand_in, word):
    done = bash(FOLDER / f"{word}.sh", "own.yaml", folder=tmp_path, PYTHON=stand_in)
    assert done.stdout.splitlines()[1:] == ["-m", "common.method", "smaf", word, "own.yaml"]


def test_every_script_is_tested():
    assert {path.name for path in (FOLDER / "script").glob("*.sh")} == ENTRIES.keys()


def test_the_status_is_that_of_the_command(tmp_path, stand_in):
    assert bash(FOLDER / "script/gen_pm.sh", folder=tmp_path, PYTHON=stand_in, STATUS="7").returncode == 7


def test_a_missing_dataset_is_one_line(tmp_path):
    done = bash(FOLDER / "script/train_eps.sh", "--data_root", "nowhere", folder=tmp_path)
    said = (
        f"error: dataset folder {tmp_path}/nowhere does not exist; put the dataset there or set root to where it lies."
    )
    assert (done.returncode, done.stderr.strip()) == (2, said)
