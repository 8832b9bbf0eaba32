"""The programs of Puzzle-CAM: published flags become settings, the run is found by published names, unknown values are refused."""

from pathlib import Path

import pytest

from common.errors import ConfigError
from sod_wsss import (
    inference_classification,
    inference_rw,
    make_affinity_labels,
    make_pseudo_labels,
    train_affinitynet,
    train_classification_with_puzzle,
)
from sod_wsss.base_programs import run_of_name
from tests.tiny_method import RunStages

RUN = "experiments/predictions/T"


@pytest.fixture
def program(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return RunStages(monkeypatch)


def test_the_classifier_is_trained_with_the_published_flags(program, tmp_path):
    flags = (
        "--architecture resnest101 --re_loss_option masking --re_loss L1_Loss --alpha_schedule 0.50 --alpha 4.00 --tag T "
        "--data_dir VOC/ --mode fix --max_epoch 3 --batch_size 8 --lr 0.05 --wd 2e-4 --nesterov True --image_size 256 "
        "--min_image_size 200 --max_image_size 300 --num_pieces 9 --loss_option cl_pcl_re --level feature --seed 3 "
        "--num_workers 2 --print_ratio 0.1 --augment colorjitter-randaugment"
    )
    stages, settings = program(train_classification_with_puzzle, *flags.split())
    assert stages == ["train"] and settings.out == str(tmp_path / RUN) and settings.data.root == str(tmp_path / "VOC")
    assert (settings.backbone.name, settings.backbone.freeze_batchnorm) == ("resnest101", True)
    assert (settings.puzzle.pieces, settings.puzzle.reconstruction, settings.puzzle.rising_share) == (9, 4, 0.5)
    assert (settings.puzzle.distance, settings.puzzle.distance_in) == ("l1", "tagged")
    square = settings.square
    assert (square.crop_size, square.long_sides, square.rand_augment) == (256, [200, 300], True)
    assert square.jitter == (0.3, 0.3, 0.3, 0.1)
    assert (settings.training.epochs, settings.engine.batch_size, settings.engine.seed) == (3, 8, 3)
    optimizer = settings.optimizer
    assert (optimizer.lr, optimizer.weight_decay, optimizer.momentum, optimizer.nesterov) == (0.05, 2e-4, 2e-4, True)


def test_what_is_not_said_is_as_published(program):
    _, settings = program(train_classification_with_puzzle, "--tag", "T")
    assert (settings.square.crop_size, settings.square.long_sides, settings.square.jitter) == (
        512,
        [320, 640],
        (0, 0, 0, 0),
    )
    assert (settings.training.epochs, settings.engine.batch_size, settings.affinity.epochs) == (15, 32, 3)
    for optimizer in (settings.optimizer, settings.affinity.optimizer):
        assert (optimizer.name, optimizer.lr, optimizer.nesterov) == ("sgd", 0.1, True)
        assert optimizer.momentum == optimizer.weight_decay == 1e-4
    assert settings.cam.scales == [0.5, 1.0, 1.5, 2.0] and settings.cam.flip
    assert (settings.walk.radius, settings.walk.beta, settings.walk.exponent, settings.affinity.radius) == (
        5,
        10,
        8,
        10,
    )
    assert (settings.labels.threshold, settings.labels.crf, settings.labels.crf_iterations) == (0.35, "label", 1)
    assert (settings.affinity.sure_foreground, settings.affinity.sure_background) == (0.4, 0.1)


@pytest.mark.parametrize("order", ["--wd 2e-4 --momentum 0.9", "--momentum 0.9 --wd 2e-4"])
def test_another_momentum_is_taken_wherever_it_stands(program, order):
    for module, tag in ((train_classification_with_puzzle, "--tag"), (train_affinitynet, "--label_name")):
        _, settings = program(module, tag, "T", *order.split())
        optimizer = settings.affinity.optimizer if module is train_affinitynet else settings.optimizer
        assert (optimizer.momentum, optimizer.weight_decay) == (0.9, 2e-4)


@pytest.mark.parametrize(("option", "expected"), [("cl_pcl_re", (4, 4.0)), ("cl_pcl", (4, 0.0)), ("cl", (1, 4.0))])
def test_losses_can_be_left_out(program, option, expected):
    _, settings = program(train_classification_with_puzzle, "--tag", "T", "--loss_option", option)
    assert (settings.puzzle.pieces, settings.puzzle.reconstruction) == expected


def test_the_stages_after_it_find_the_run_by_published_names(program, tmp_path, monkeypatch):
    named = "T@train@scale=0.5,1.0,1.5,2.0"
    calls = (
        (inference_classification, "--tag T --domain train_aug --scales 0.5,1.0", "cam"),
        (
            make_affinity_labels,
            f"--experiment_name {named} --domain train_aug --fg_threshold 0.3 --bg_threshold 0.05",
            "confident",
        ),
        (
            train_affinitynet,
            f"--tag AffinityNet@T --label_name {named}@aff_fg=0.40_bg=0.10 --max_epoch 2 --lr 0.2",
            "affinity",
        ),
        (
            inference_rw,
            f"--model_name AffinityNet@T --cam_dir {named} --domain train_aug --beta 8 --exp_times 6",
            "walk",
        ),
        (make_pseudo_labels, f"--experiment_name {named} --domain train --threshold 0.25 --crf_iteration 10", "label"),
    )
    found = {}
    for module, flags, stage in calls:
        # Reading the configuration leads into its folder.
        monkeypatch.chdir(tmp_path)
        stages, found[stage] = program(module, *flags.split())
        assert stages == [stage] and found[stage].out == str(tmp_path / RUN)
    assert found["cam"].cam.scales == [0.5, 1.0] and found["cam"].data.train_list == "train_aug"
    assert (found["confident"].affinity.sure_foreground, found["confident"].affinity.sure_background) == (0.3, 0.05)
    assert (found["affinity"].affinity.epochs, found["affinity"].affinity.optimizer.lr) == (2, 0.2)
    assert (found["walk"].walk.beta, found["walk"].walk.exponent) == (8, 6)
    assert (found["label"].labels.threshold, found["label"].labels.crf_iterations) == (0.25, 10)
    assert found["label"].data.train_list == "train"


def test_a_configuration_stands_before_the_flags(program):
    Path("mine.yaml").write_text("puzzle: {reconstruction: 2.0}\nengine: {batch_size: 4}\n")
    _, settings = program(train_classification_with_puzzle, "mine.yaml", "--tag", "T", "--batch_size", "6")
    assert (settings.puzzle.reconstruction, settings.engine.batch_size) == (2, 6)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--tag AffinityNet@T", "does not say which run it belongs to"),
        ("--level cam --tag T", "--level is 'cam'; this toolbox has feature"),
        ("--re_loss Huber --tag T", "--re_loss is 'Huber'; this toolbox has L1_Loss, L2_Loss"),
        ("--re_loss_option selection --tag T", "this toolbox has masking, none"),
        ("--augment cutmix --tag T", "--augment is 'cutmix'"),
        ("--tag T --domain", "--domain needs a value"),
    ],
)
def test_what_is_not_here_is_refused_with_what_is(program, flags, message):
    with pytest.raises(ConfigError, match=message):
        program(train_classification_with_puzzle, *flags.split())


def test_a_folder_is_no_name_of_a_run():
    with pytest.raises(ConfigError, match="give the tag of its classifier, or its folder with --out"):
        run_of_name("experiments/T")
