"""The README's commands run verbatim from inside the folders, on a dataset laid out as it says, and scripts from anywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from common.data.images import read_label_map
from common.data.tags import read_tags
from common.data.toy import ToyConfig, make_toy
from common.files import read_json
from common.report.results import read_results
from tests.i2crc.conftest import IDS

# Four small trainings in one process: on a busy machine more than the usual limit.
pytestmark = pytest.mark.timeout(900)
TOP = Path(__file__).parents[2]
FOLDER = TOP / "i2crc"
MODEL = "data/models/voc12/deeplabv2_resnet101_msc/train_aug/checkpoint_final.pth"
# (folder, command), as the paper's README says them; a shell script as the Python program that it starts.
ROUND_1 = (
    ("classification", "scripts/train.py"),
    ("classification", "scripts/test.py"),
    ("classification", "gen_gt.py"),
    ("segmentation", "main.py train --config-path configs/voc12.yaml"),
    ("segmentation", "main.py test --config-path configs/voc12.yaml"),
)
PREDICTED = (
    ("segmentation", f"trainaug_pred.py test --config-path configs/voc12.yaml --model-path {MODEL}"),
    ("segmentation", "trainaug_pred.py crf --config-path configs/voc12.yaml -j 10"),
)
ROUND_2 = (
    ("classification", "label_refinement.py"),
    ("segmentation", "main.py train --config-path configs/voc12.yaml"),
    ("segmentation", "main.py test --config-path configs/voc12.yaml"),
    ("segmentation", "main.py crf --config-path configs/voc12.yaml"),
)
AGAIN = (
    ("segmentation", "main.py train --config-path configs/voc12.yaml --round 1"),
    ("segmentation", "main.py test --config-path configs/voc12.yaml --round 1"),
    # The linked ``common`` would look for the configuration of DeepLab-v2 where it lies itself.
    (
        "classification",
        "-m common.method i2crc reproduce configs/voc.yaml --until segmentation "
        "--chain.segmentation ../segmentation/configs/voc12.yaml",
    ),
)
# What of the published configurations is too large here; where things lie is left as it is.
ENGINE = {"batch_size": 2, "workers": 0, "device": "cpu", "log_every": 1, "save_every": 1}
SMALL_VOC = {
    "backbone": {"width": 0.0625, "weights": ""},
    "square": {"side": 40},
    "training": {"epochs": 1, "decay_epochs": []},
    "engine": ENGINE,
}
SMALL_VOC12 = {
    "network": {
        "name": "DeepLabV2_MSC",
        "pyramid": [],
        "backbone": {"name": "resnet18", "width": 0.125, "weights": "", "output_stride": 8},
    },
    "image": {"crop_size": 33},
    "engine": {**ENGINE, "max_steps": 2, "accumulate": 1},
}
# One interpreter for all programs, each started as its own. After the first round it notes when every file was written.
DRIVER = """
import json, os, runpy, shlex, sys
from pathlib import Path
top = Path({top!r})
for place, (folder, command) in enumerate({commands!r}):
    if place == {round_1}:
        files = [path for path in (top / "i2crc").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        (top / "times.json").write_text(json.dumps({{str(path): path.stat().st_mtime_ns for path in files}}))
    os.chdir(top / "i2crc" / folder)
    print("##", command, flush=True)
    sys.argv = shlex.split(command)
    try:
        if sys.argv[0] == "-m":
            runpy.run_module(sys.argv.pop(1), run_name="__main__")
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            sys.exit(end.code)
"""


def lay_out(root: Path, listed: Path) -> None:
    """Four images and two of a validation list as VOC and the paper keep them."""
    toy = root.with_name("toy")
    make_toy(toy, ToyConfig(n_train=4, n_val=2, size=40))
    names = (toy / "classes.txt").read_text().split()
    val = (toy / "ImageSets/Segmentation/val.txt").read_text().split()
    tags = read_tags(toy / "tags.csv", names, [*IDS, *val])
    for source, target in (
        ("JPEGImages", "JPEGImages"),
        ("Sal", "saliency_aug"),
        ("SegmentationClass", "SegmentationClassAug"),
    ):
        shutil.copytree(toy / source, root / target)
    lists = root / "ImageSets/SegmentationAug"
    lists.mkdir(parents=True)
    for name, ids in (("train_aug", IDS), ("val", val)):
        paths = (f"/JPEGImages/{one}.jpg /SegmentationClassAug/{one}.png\n" for one in ids)
        (lists / f"{name}.txt").write_text("".join(paths))
    numbers = (f"{one} {' '.join(map(str, np.flatnonzero(tags[one])))} \n" for one in IDS)
    listed.write_text("".join(numbers))


def small(path: Path, values: dict[str, object]) -> None:
    """Put a smaller configuration on top of the one that is there."""
    base = path.with_name(f"published_{path.name}")
    path.rename(base)
    path.write_text(yaml.safe_dump({"base": base.name, **values}))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """The repository with ``i2crc`` as files of its own, small configurations in the place of the published, and the dataset."""
    top = tmp_path_factory.mktemp("checkout")
    for name in ("common", "deeplabv2"):
        (top / name).symlink_to(TOP / name)
    ignored = shutil.ignore_patterns("__pycache__", "runs", "data", "pseudo_labels", "refined_labels")
    shutil.copytree(FOLDER, top / "i2crc", ignore=ignored)
    small(top / "i2crc/classification/configs/voc.yaml", SMALL_VOC)
    small(top / "i2crc/segmentation/configs/voc12.yaml", SMALL_VOC12)
    root = top / "i2crc/segmentation/data/VOCdevkit/VOC2012"
    root.mkdir(parents=True)
    lay_out(root, root / "ImageSets/SegmentationAug/train_cls.txt")
    return top


@pytest.fixture(scope="module")
def finished_programs(checkout) -> tuple[Path, list[tuple[str, str]]]:
    """The folder ``i2crc`` after all commands, and what each of them printed."""
    commands = [*ROUND_1, *PREDICTED, *ROUND_2, *AGAIN]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER.format(commands=commands, top=str(checkout), round_1=len(ROUND_1 + PREDICTED))],
        env=clean | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = [part.partition("\n") for part in done.stdout.split("## ")[1:]]
    return checkout / "i2crc", [(command, text) for command, _, text in said]


@pytest.fixture(scope="module")
def made(finished_programs) -> Path:
    return finished_programs[0]


def test_the_classifier_and_its_maps_lie_where_the_paper_has_them(made):
    run_folder = made / "classification/runs/exp1"
    content = torch.load(run_folder / "model/pascal_voc_epoch_0.pth", weights_only=True)
    assert content["state_dict"]["module.extra_convs.6.weight"].shape[0] == 20
    named = {path.stem.rpartition("_")[0] for path in (run_folder / "attention").glob("*.png")}
    assert named == set(IDS)
    for path in (run_folder / "attention").glob("*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("L", (40, 40))


def test_labels_and_predictions_lie_where_the_paper_has_them(made):
    for folder in ("pseudo_labels", "refined_labels"):
        assert sorted(path.stem for path in (made / "classification" / folder).glob("*.png")) == IDS
    assert (made / "segmentation" / MODEL).is_file()
    predicted = made / "segmentation/data/features/voc12/deeplabv2_resnet101_msc/train_aug"
    assert sorted(path.stem for path in (predicted / "logit").glob("*.npy")) == IDS
    assert sorted(path.stem for path in (predicted / "crf").glob("*.png")) == IDS


def test_the_second_training_learns_from_refined_labels_and_writes_beside_the_first(made, finished_programs):
    rounds = [text.partition(",")[0] for command, text in finished_programs[1] if "main.py" in command]
    assert rounds == [f"round {number} (--round 1 or 2 chooses)" for number in (1, 1, 2, 2, 2, 1, 1)]
    models = made / "segmentation/data/models"
    assert {path.name for path in models.iterdir()} == {"voc12", "voc12_round2"}
    learnt = [yaml.safe_load(path.read_text())["label_dir"] for path in sorted(models.glob("*/*/*/config.yaml"))]
    assert [Path(folder).name for folder in learnt] == ["pseudo_labels", "refined_labels"]


def test_the_second_round_and_a_second_call_leave_the_files_of_the_first_as_they_are(made):
    times = read_json(made.parent / "times.json")
    now = {path: Path(path).stat().st_mtime_ns for path in times}
    # These are written at each call, from what is there.
    rewritten = {
        "config.yaml",
        "environment.json",
        "inputs.json",
        "classes.txt",
        "stage.json",
        "checkpoint_final.pth",
        "pascal_voc_epoch_0.pth",
    }
    rewritten |= {"scores.json", "results.json", "scores_crf.json", "origin.json"}
    assert len(times) > 50 and {Path(path).name for path in times if times[path] != now[path]} <= rewritten


def test_refined_labels_start_from_the_initial_ones_and_the_predictions(made):
    record = read_json(made / "classification/refined_labels/stage.json")
    assert record["starts_from"].keys() == {"label", "segment"}
    assert record["maps"]["tags"].startswith("train_cls.txt ")
    for image_id in IDS:
        found = set(np.unique(read_label_map(made / f"classification/refined_labels/{image_id}.png")))
        assert found <= {*range(21), 255}


def test_both_rounds_have_scores_under_names_of_their_own(made):
    folder = made / "segmentation/data/scores"
    for experiment, row in (("voc12", "I2CRC"), ("voc12_round2", "I2CRC, round 2")):
        (path,) = (folder / experiment).glob("*/val/results.json")
        assert {result.method for result in read_results(path)} >= {row}
    (scores,) = (folder / "voc12_round2").glob("*/val/scores_crf.json")
    assert "Mean IoU" in scores.read_text()


def test_the_chain_finds_all_that_the_programs_made(finished_programs):
    command, text = finished_programs[1][-1]
    assert "reproduce" in command
    done = [line for line in text.splitlines() if " already there, " in line]
    # Maps, two kinds of labels; for each round test and CRF; CRF of round 1 for the first time; predictions and their CRF.
    assert len(done) == 9 and sum("0 written" in line for line in done) == 8


@pytest.fixture
def stand_in(tmp_path) -> str:
    """A python that prints where and with what it was called."""
    path = tmp_path / "python"
    path.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$PWD" "$@"\nexit "${STATUS:-0}"\n')
    path.chmod(0o755)
    return str(path)


def started(script: Path, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Started by its own name, as ``./train.sh`` is."""
    command, given = [str(script), *arguments], os.environ | environment
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_script_hands_on_configuration_and_flags_from_anywhere(tmp_path, stand_in, name):
    script = FOLDER / "classification" / f"{name}.sh"
    done = started(script, "own.yaml", "--seed", "3", folder=tmp_path, PYTHON=stand_in)
    program = str(FOLDER / f"classification/scripts/{name}.py")
    assert done.stdout.splitlines() == [str(tmp_path), program, "own.yaml", "--seed", "3"]
    assert started(script, folder=tmp_path, PYTHON=stand_in, STATUS="7").returncode == 7


@pytest.mark.parametrize("word", ["reproduce", "ablation"])
def test_the_chain_and_the_ablation_are_commands_of_the_method(tmp_path, stand_in, word):
    done = subprocess.run(
        ["bash", str(FOLDER / f"{word}.sh"), "own.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHON": stand_in},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[1:] == ["-m", "common.method", "i2crc", word, "own.yaml"]
