"""Configurations, published spellings, and settings that contradict each other."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from common.config_files import read_settings
from common.errors import ConfigError
from common.method.command import command_of, settings_of
from common.method.settings import find_config, with_values
from i2crc.classification import gen_gt, label_refinement
from i2crc.method import CLASSIFIER, LABELS, METHOD, SQUARE_MAPS
from i2crc.rounds import RECIPE, ROUND_LABELS, SEGMENTATION
from i2crc.settings import CLASSIFICATION, I2CRC_CONFIGS, I2crcSettings
from tests.tiny_method import RunStages

CONFIGS = sorted(path.stem for path in I2CRC_CONFIGS.glob("*.yaml"))
SEGMENTATIONS = sorted(path.stem for path in (SEGMENTATION / "configs").glob("*.yaml"))
# What the published train.sh and test.sh pass (i2crc spec, section 8).
TRAIN_SH = """
    --img_dir JPEGImages --train_list ./data/train_cls.txt --test_list ./data/val_cls.txt --epoch 30 --lr 0.001 --batch_size 5
    --dataset pascal_voc --input_size 256 --disp_interval 100 --num_classes 20 --num_workers 8
    --snapshot_dir ./runs/exp1/model/ --att_dir ./runs/exp1/accu_att/ --decay_points '5,10' --weight_decay 0.0005
    --global_counter 0 --current_epoch 0 --root_dir any --crop_size 224 --threshold 0.6 --resume False
"""
TEST_SH = """
    --img_dir JPEGImages --test_list ./data/train_cls.txt --batch_size 1 --dataset pascal_voc --input_size 256 --num_classes 20
    --restore_from ./runs/exp1/model/pascal_voc_epoch_29.pth --save_dir ./runs/exp1/attention/ --num_workers 20
    --arch vgg --root_dir any
"""


def parse(*flags: str, name: str = "voc") -> I2crcSettings:
    return settings_of("test", command_of(METHOD, ""), [str(I2CRC_CONFIGS / f"{name}.yaml"), *flags])


@pytest.fixture(autouse=True)
def in_the_folder(monkeypatch):
    # The commands go there and stay.
    monkeypatch.chdir(CLASSIFICATION)


@pytest.fixture
def program(monkeypatch):
    return RunStages(monkeypatch)


def script(name):
    return importlib.import_module(f"i2crc.classification.scripts.{name}")


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_is_valid_and_opens_with_its_command(name):
    parse(name=name)
    first = (I2CRC_CONFIGS / f"{name}.yaml").read_text().splitlines()[0]
    assert re.match(r"# (cd i2crc/classification && \./train|bash i2crc/reproduce)\.sh|# wsss own ", first)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_chain_of_a_configuration_has_two_rounds_and_names_files_that_are_there(name):
    chain = parse(name=name).chain
    # On photographs of one's own the second round is left out.
    assert chain.refine or name == "folder"
    for named in (chain.reference, chain.segmentation):
        assert not named or find_config(named).is_file()


@pytest.mark.parametrize("path", [I2CRC_CONFIGS / "voc.yaml", I2CRC_CONFIGS / "coco.yaml", RECIPE])
def test_a_configuration_of_a_benchmark_says_what_is_published_and_what_was_measured(path):
    head = "".join(line for line in path.read_text().splitlines(True) if line[0] == "#")
    assert "# Published: " in head and "# Here: " in head


def test_the_published_configuration_is_the_default():
    voc, default = parse(), I2crcSettings()
    same = ("square", "relation", "training", "optimizer", "schedule", "cam", "labels")
    assert {name: getattr(voc, name) for name in same} == {name: getattr(default, name) for name in same}
    assert with_values(voc, {"backbone.weights": ""}).backbone == default.backbone


def test_the_published_recipe_of_voc():
    voc = parse()
    engine = CLASSIFIER.engine(voc, 10582)
    assert (engine.max_steps, engine.batch_size, engine.last_batch) == (30 * 2117, 5, "keep")
    assert (voc.backbone.name, voc.backbone.weights, voc.square.side) == ("vgg16", "IMAGENET1K_V1", 256)
    assert tuple(voc.square.jitter) == (0.3, 0.3, 0.3, 0.1) and not voc.square.mirror
    assert (voc.training.epochs, voc.training.decay_epochs) == (30, [5, 10])
    optimizer = voc.optimizer
    assert (optimizer.name, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.001, 0.9, 5e-4)
    assert optimizer.nesterov and optimizer.head_lr_multiplier == 10
    relation = voc.relation
    weights = (relation.object_weight, relation.background_weight, relation.class_weight)
    assert weights == (0.01, 0.025, 0.1) and relation.images_with == "single"


def test_every_flag_of_the_published_training_is_read(program):
    stages, settings = program(script("train"), *shlex.split(TRAIN_SH))
    assert stages == ["train"] and settings == with_values(
        program(script("train"))[1],
        {
            "data.images": str(CLASSIFICATION / "JPEGImages"),
            "data.train_list": "./data/train_cls.txt",
            "out": settings.out,
        },
    )
    assert Path(settings.out) == CLASSIFICATION / "runs/exp1"


def test_other_values_of_the_published_training_arrive(program):
    flags = "--epoch 15 --lr 0.01 --batch_size 20 --input_size 224 --disp_interval 10 --num_workers 3 --decay_points 61 --weight_decay 0"
    _, settings = program(script("train"), *flags.split())
    assert (settings.training.epochs, settings.training.decay_epochs) == (15, [61])
    assert (settings.optimizer.lr, settings.optimizer.weight_decay, settings.square.side) == (0.01, 0, 224)
    assert (settings.engine.batch_size, settings.engine.log_every, settings.engine.workers) == (20, 10, 3)
    assert program(script("train"), "--dataset", "coco")[1].data.dataset == "coco14"


def test_every_flag_of_the_published_maps_is_read_and_leaves_the_trained_network_as_it_is(program):
    stages, settings = program(script("test"), *shlex.split(TEST_SH))
    assert stages == ["cam"] and settings.data.train_list == "./data/train_cls.txt"
    assert Path(settings.checkpoint) == CLASSIFICATION / "runs/exp1/model/pascal_voc_epoch_29.pth"
    assert Path(settings.out) == CLASSIFICATION / "runs/exp1"
    assert (settings.cam.batch_size, settings.engine.workers) == (1, 20)
    trained, now = (CLASSIFIER.decisive(one) for one in (parse(), settings))
    assert {name for name in trained if trained[name] != now[name]} == {"data", "engine"}
    assert settings.engine == parse("--workers", "20").engine


def test_maps_in_another_folder_than_the_published_are_a_run_of_its_own(program):
    assert Path(program(script("test"), "--save_dir", "./mine/")[1].out) == CLASSIFICATION / "mine"


@pytest.mark.parametrize(("module", "stage"), [(gen_gt, "label"), (label_refinement, "refine")])
def test_the_label_programs_need_no_flags(program, module, stage):
    stages, settings = program(module)
    assert stages == [stage] and settings == parse()


def test_a_published_list_has_the_tags_too(tmp_path):
    (tmp_path / "train_cls.txt").write_text("2007_000032 0 14 \n")
    given = str(tmp_path / "train_cls.txt")
    assert parse("--train_list", given).data.tags == given
    assert parse("--train_list", given, "--data.tags", "mine.csv").data.tags == "mine.csv"
    assert parse("--train_list", "train_aug").data.tags == "pixels"


def test_chain_and_programs_of_the_rounds_use_the_same_folders():
    voc = parse()
    segment, refine, second = (METHOD.stage(name) for name in ("segment", "refine", "segment2"))
    assert LABELS.folder(voc).resolve() == CLASSIFICATION / ROUND_LABELS[1][1]
    assert refine.folder(voc).resolve() == CLASSIFICATION / ROUND_LABELS[2][1]
    recipe = read_settings(RECIPE, {})
    for stage, number in ((segment, 1), (second, 2)):
        job = stage.job(with_values(voc, {"report.tag_source": "any"}))
        assert job.out.resolve() == SEGMENTATION / recipe["out"]
        assert job.experiment == recipe["experiment"] + ROUND_LABELS[number][2]
        assert job.row == ROUND_LABELS[number][3]
    assert Path(voc.data.root).resolve() == SEGMENTATION / recipe["data.root"]
    assert voc.data.train_list == recipe["data.train_list"]


def test_attention_pngs_and_maps_lie_in_the_run_and_may_go_elsewhere():
    assert SQUARE_MAPS.folder(parse()) == Path("runs/exp1/cams")
    assert LABELS.folder(parse("--pseudo_labels", "mine")) == CLASSIFICATION / "mine"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--decay_points", "5,"], r"decay_points is '5,'; give epochs"),
        (["--decay_points", "five"], "decay_points is 'five'"),
        (["--epoch", "0"], "training.epochs is 0"),
        (["--input_size", "4"], r"square\.side is 4"),
        (["--relation.object_weight", "-1"], "relation.object_weight is -1.0; give a number from 0 to"),
        (["--relation.margin", "-1"], r"relation\.margin is -1"),
        (["--relation.images_with", "two"], "images_with"),
        (["--labels.least_score", "2"], r"labels\.least_score is 2"),
        (["--cam.long_side", "320"], "cam.long_side is of no use"),
        (["--square.jitter", "[2, 0, 0, 0]"], "jitter is"),
        (["--dataset", "imagenet"], "imagenet"),
        (["--epochs", "3"], "epoch"),
    ],
)
def test_a_wrong_setting_is_named(flags, named):
    with pytest.raises(ConfigError, match=named):
        parse(*flags)


def test_the_row_of_the_table_says_which_round_it_is():
    refine = METHOD.stage("refine")
    assert (LABELS.row(parse()), refine.row(parse())) == ("I2CRC", "I2CRC, round 2")
    assert refine.row(parse("--report.method", "mine")) == "mine, round 2"


def test_every_row_of_the_ablation_is_of_valid_settings_and_shares_with_another_row():
    for name, variant in METHOD.variants.items():
        with_values(parse(name="toy"), variant.values)
        assert not variant.network_of or variant.network_of in METHOD.variants, name
