"""The shell scripts run from any directory, pass on what they are given and stop at the first error."""

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "l2g_cda"
STAGES = {
    "train_test_L2G_voc.sh": ("voc", ["train", "random_walk"]),
    "train_l2g_sal_voc.sh": ("voc", ["base"]),
    "test_l2g_voc.sh": ("voc", ["cam"]),
    "gen_gt_voc.sh": ("voc", ["label", "score"]),
    "train_l2g_sal_coco.sh": ("coco", ["train"]),
    "test_l2g_coco.sh": ("coco", ["cam"]),
    "gen_gt_coco.sh": ("coco", ["label", "score"]),
}


@pytest.fixture
def call(tmp_path):
    """Runs a script with a stand-in for python; gives its status and, per call, the folder and the arguments."""
    stand_in = tmp_path / "python"
    stand_in.write_text(
        '#!/usr/bin/env bash\nprintf "%s\\n" "$PWD" "$@" "" >> "$CALLS"\n[[ " $* " != *" ${FAIL:-nothing} "* ]]\n'
    )
    stand_in.chmod(0o755)

    def run(name, *arguments, **environment):
        calls = tmp_path / "calls"
        calls.unlink(missing_ok=True)
        kept = {key: value for key, value in os.environ.items() if key not in ("EXP", "GPUS", "ROOT", "OUT", "WEIGHTS")}
        status = subprocess.run(
            ["bash", str(FOLDER / name), *arguments],
            cwd=tmp_path,
            env=kept | {"PYTHON": str(stand_in), "CALLS": str(calls)} | environment,
            capture_output=True,
            check=False,
        ).returncode
        blocks = calls.read_text().split("\n\n") if calls.exists() else []
        return status, [block.split("\n") for block in blocks if block]

    return run


@pytest.mark.parametrize("name", STAGES)
def test_every_script_runs_its_stages_with_the_papers_configuration(call, name):
    config, stages = STAGES[name]
    status, calls = call(name)
    assert status == 0
    recipe = str(FOLDER / "configs" / f"{config}.yaml")
    assert calls == [[str(FOLDER.parent), "l2g_cda/main.py", stage, "-c", recipe] for stage in stages]


def test_a_configuration_and_flags_are_passed_on(call, tmp_path):
    _, calls = call("test_l2g_voc.sh", "own.yaml", "--seed", "3", EXP="mine")
    assert calls[0][2:] == ["cam", "-c", f"{tmp_path}/own.yaml", "--experiment_name", "mine", "--seed", "3"]


def test_several_gpus_share_the_work(call):
    _, calls = call("test_l2g_voc.sh", GPUS="2")
    assert calls[0][1:5] == ["-m", "torch.distributed.run", "--nproc_per_node", "2"]


def test_a_stage_that_fails_ends_the_script(call):
    status, calls = call("train_test_L2G_voc.sh", FAIL="train")
    assert status != 0 and len(calls) == 1


def test_reproduce_runs_marks_bank_stages_segmentation_and_report(call, tmp_path):
    # Without results there is nothing to report: the stand-in writes none.
    status, calls = call("reproduce.sh", ROOT="toyset", OUT=str(tmp_path / "out"))
    chains = [call for call in calls if call[1:3] == ["-m", "common.chain"]]
    assert [call[-2:] == ["--until", "labels"] for call in chains] == [True, False]
    # The rest of the marks runs beside the method's stages.
    programs = [" ".join(call[1:3]) for call in calls if call != chains[1] and call[1] != "-c"]
    segmentation = [f"deeplabv2/main.py {stage}" for stage in ("train", "test", "crf")]
    assert programs[:3] == ["-m common.data.toy", "-m common.chain", "l2g_cda/make_bank.py --dataset"]
    assert programs[3:7] == ["l2g_cda/main.py train", *segmentation]
    assert calls[[call[1] for call in calls].index("l2g_cda/main.py")][2:7] == [
        "train",
        "cam",
        "label",
        "score",
        "pictures",
    ]
    assert status == 0


def test_reproduce_fails_with_its_marks(call, tmp_path):
    status, _ = call("reproduce.sh", ROOT="toyset", OUT=str(tmp_path / "out"), FAIL="common/chain/configs/toy.yaml")
    assert status != 0


def test_reproduce_on_real_images_asks_for_the_dataset(call):
    status, calls = call("reproduce.sh", str(FOLDER / "configs" / "voc_animals.yaml"))
    assert status != 0 and calls == []


@pytest.mark.parametrize("name", ["reproduce.sh", "run_stages.sh"])
def test_help_runs_nothing(call, name):
    assert call(name, "--help") == (0, [])


def test_ablation_runs_every_variant_with_every_seed(call):
    _, calls = call("ablation.sh", VARIANTS="l2g cda", SEEDS="0 1")
    trainings = [call for call in calls if call[2:3] == ["train"]]
    names = [call[call.index("--experiment_name") + 1] for call in trainings]
    assert names == ["l2g_seed0", "cda_seed0", "l2g_seed1", "cda_seed1"]
    assert "none" in trainings[0] and "none" not in trainings[1]


def test_ablation_continues_the_first_training_of_another_variant(call, tmp_path):
    runs = tmp_path / "out" / "l2g_cda" / "ablation_toy"
    (runs / "se_seed0" / "base").mkdir(parents=True)
    (runs / "se_seed0" / "base" / "config.yaml").write_text("its settings")
    assert call("ablation.sh", VARIANTS="cda published_axes", OUT=str(tmp_path / "out"))[0] == 0
    assert (runs / "cda_seed0" / "base" / "config.yaml").read_text() == "its settings"
    assert not (runs / "published_axes_seed0").exists()
