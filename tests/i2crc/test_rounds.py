"""Which labels a round learns from, where it writes, and what of a configuration reaches the segmentation trainer."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml

from common.config import parse_config
from common.errors import ConfigError, DataError
from common.files import write_json
from deeplabv2.main import COMMANDS
from deeplabv2.settings import DeepLabConfig
from i2crc import rounds
from i2crc.rounds import RECIPE, main_program, prediction_program
from i2crc.segmentation import main as main_entry
from i2crc.segmentation import trainaug_pred

# The published file (i2crc spec, section 8): upstream's but for ROOT and an empty INIT_MODEL.
PUBLISHED = """
EXP: {ID: voc12, OUTPUT_DIR: data}
DATASET:
    NAME: vocaug
    ROOT: VOC
    LABELS: ./data/datasets/voc12/labels.txt
    N_CLASSES: 21
    IGNORE_LABEL: 255
    SCALES: [0.5, 0.75, 1.0, 1.25, 1.5]
    SPLIT: {TRAIN: train_aug, VAL: val, TEST: test}
DATALOADER: {NUM_WORKERS: 0}
IMAGE:
    MEAN: {R: 122.675, G: 116.669, B: 104.008}
    SIZE: {BASE: , TRAIN: 321, TEST: 513}
MODEL:
    NAME: DeepLabV2_ResNet101_MSC
    N_BLOCKS: [3, 4, 23, 3]
    ATROUS_RATES: [6, 12, 18, 24]
    INIT_MODEL:
SOLVER:
    BATCH_SIZE: {TRAIN: 5, TEST: 1}
    ITER_MAX: 20000
    ITER_SIZE: 2
    ITER_SAVE: 5000
    ITER_TB: 100
    LR_DECAY: 10
    LR: 2.5e-4
    MOMENTUM: 0.9
    OPTIMIZER: SGD
    POLY_POWER: 0.9
    WEIGHT_DECAY: 5.0e-4
    AVERAGE_LOSS: 20
CRF: {ITER_MAX: 10, POS_W: 3, POS_XY_STD: 1, BI_W: 4, BI_XY_STD: 67, BI_RGB_STD: 3}
"""


@pytest.fixture
def folders(tmp_path, monkeypatch) -> Path:
    """``classification`` with initial labels and ``segmentation`` with a dataset; the second is the working directory."""
    for name in ("classification/pseudo_labels", "segmentation/VOC/VOC2012"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "segmentation/published.yaml").write_text(PUBLISHED)
    monkeypatch.setattr(rounds, "CLASSIFICATION", tmp_path / "classification")
    monkeypatch.setattr(rounds, "SEGMENTATION", tmp_path / "segmentation")
    monkeypatch.chdir(tmp_path / "segmentation")
    return tmp_path


@pytest.fixture
def called(folders, monkeypatch):
    """``called(program, word, ...)``: the trainer's command, its settings as these programs call it, and its other words."""
    calls = []
    monkeypatch.setattr(rounds, "call", lambda module, arguments: calls.append((module, arguments)) or 0)

    def run(program, line):
        assert program(argv=shlex.split(line)) == 0
        module, (command, *arguments) = calls.pop()
        assert module == "deeplabv2.main"
        # The trainer is started in the repository.
        monkeypatch.chdir(Path(__file__).parents[2])
        of_trainer = COMMANDS[command]
        settings = parse_config(
            DeepLabConfig, arguments, program=command, shortcuts=of_trainer.shortcuts, aliases=of_trainer.aliases
        )
        monkeypatch.chdir(folders / "segmentation")
        return command, settings

    return run


def refine(folders):
    """As ``label_refinement.py`` leaves it."""
    write_json(folders / "classification/refined_labels/stage.json", {"rule": {}})


def test_the_published_configuration_runs_unchanged_as_i2crc_s_own(called, folders):
    command, settings = called(main_program, "train --config-path published.yaml")
    recipe = called(main_program, f"train -c {RECIPE}")[1]
    assert command == "train" and settings.network.name == "I2CRC_ResNet101_MSC"
    assert settings.network.backbone.weights == "IMAGENET1K_V1" and settings.network.weights == ""
    assert settings.final_checkpoint == (
        folders / "segmentation/data/models/voc12/deeplabv2_resnet101_msc/train_aug/checkpoint_final.pth"
    )
    assert Path(settings.data.root) == folders / "segmentation/VOC/VOC2012"
    for name in ("network", "image", "loss", "optimizer", "schedule", "crf"):
        assert getattr(settings, name) == getattr(recipe, name), name


def test_another_network_keeps_its_name(called):
    standard = RECIPE.with_name("voc12_standard.yaml")
    settings = called(main_program, f"train -c {standard}")[1]
    assert settings.network.name == "DeepLabV2_ResNet101_MSC" and settings.experiment == "voc12_standard"
    assert called(main_program, f"train -c {RECIPE} --network.name DSRG")[1].network.name == "DSRG"


def test_without_refined_labels_it_is_the_first_round(called, folders, capsys):
    settings = called(main_program, "train -c published.yaml")[1]
    assert "round 1 " in capsys.readouterr().out
    assert Path(settings.label_dir) == folders / "classification/pseudo_labels"
    assert (settings.experiment, settings.report.method) == ("voc12", "I2CRC")


def test_with_refined_labels_it_is_the_second_in_a_place_of_its_own(called, folders, capsys):
    refine(folders)
    settings = called(main_program, "train -c published.yaml")[1]
    assert "round 2 " in capsys.readouterr().out
    assert Path(settings.label_dir) == folders / "classification/refined_labels"
    assert (settings.experiment, settings.report.method) == ("voc12_round2", "I2CRC, round 2")


@pytest.mark.parametrize("command", ["train", "test", "crf"])
def test_a_round_can_be_asked_for(called, folders, command):
    refine(folders)
    found = called(main_program, f"{command} -c published.yaml --round 1")
    assert (found[0], found[1].experiment) == (command, "voc12")
    assert called(main_program, f"{command} -c published.yaml --round 2")[1].experiment == "voc12_round2"


def test_the_training_list_is_predicted_by_the_network_of_the_first_round(called, folders):
    refine(folders)
    command, settings = called(prediction_program, "test -c published.yaml -m data/any.pth")
    assert (command, settings.experiment, settings.data.val_list) == ("test", "voc12", "train_aug")
    assert settings.test.save_logits and Path(settings.checkpoint) == folders / "segmentation/data/any.pth"
    command, settings = called(prediction_program, "crf -c published.yaml -j 10")
    assert (command, settings.experiment, settings.engine.processes) == ("crf", "voc12", 10)
    assert settings.label_maps(crf=True) == (
        folders / "segmentation/data/features/voc12/deeplabv2_resnet101_msc/train_aug/crf"
    )


def test_the_wrapped_image_is_the_default_of_the_crf_and_the_true_one_an_option(called):
    assert called(main_program, "crf -c published.yaml")[1].crf.image == "mean_subtracted"
    assert called(main_program, "crf -c published.yaml --crf.image original")[1].crf.image == "original"


def test_flags_win_and_their_paths_begin_where_the_user_is(called, folders, monkeypatch):
    here = folders / "elsewhere"
    (here / "labels").mkdir(parents=True)
    monkeypatch.chdir(here)
    line = (
        "train ../segmentation/published.yaml --out mine --root photos --label-dir labels --experiment x --method row"
    )
    config = called(main_program, f"{line} --max-steps 3")[1]
    paths = [Path(one) for one in (config.out, config.data.root, config.label_dir)]
    assert paths == [here / "mine", here / "photos", here / "labels"]
    assert (config.experiment, config.report.method, config.engine.max_steps) == ("x", "row", 3)


def test_missing_labels_are_named_with_the_program_that_makes_them(called, folders):
    (folders / "classification/pseudo_labels").rmdir()
    with pytest.raises(DataError, match="pseudo_labels; make them with python gen_gt.py"):
        called(main_program, "train -c published.yaml")
    with pytest.raises(DataError, match="refined_labels; make them with python label_refinement.py"):
        called(main_program, "train -c published.yaml --round 2")
    assert called(main_program, "test -c published.yaml")[0] == "test", "a prediction needs none"


@pytest.mark.parametrize(
    ("program", "line", "said"),
    [
        (main_program, "", "python main.py train | test | crf"),
        (main_program, "predict", "python main.py train | test | crf"),
        (prediction_program, "train -c published.yaml", r"python trainaug_pred.py test | crf"),
        (main_program, "train -c published.yaml --round 3", "invalid choice: 3"),
        (main_program, "train -c missing.yaml", "cannot read .*missing.yaml"),
    ],
)
def test_a_wrong_call_is_one_line(called, program, line, said):
    with pytest.raises(ConfigError, match=said):
        called(program, line)


def test_help_names_the_rounds(folders, capsys):
    assert main_program(argv=["--help"]) == 0 and main_program(argv=["train", "--help"]) == 0
    said = capsys.readouterr().out
    assert said.count("--round 1 | 2") == 2 and "--label-dir" in said


def test_the_files_of_the_readme_start_these_programs():
    assert (main_entry.main, trainaug_pred.main) == (main_program, prediction_program)


def test_every_key_of_the_published_file_is_known_to_the_trainer(tmp_path):
    (tmp_path / "published.yaml").write_text(PUBLISHED)
    parsed = parse_config(
        DeepLabConfig, ["-c", str(tmp_path / "published.yaml")], program="test", aliases=COMMANDS["train"].aliases
    )
    assert parsed.engine.max_steps == 20000 and yaml.safe_load(PUBLISHED)["MODEL"]["INIT_MODEL"] is None
