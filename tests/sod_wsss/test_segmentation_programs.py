"""The published commands of training, inference and evaluation, on a few generated images laid out as VOC."""

import shlex
import shutil

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from common.data.images import image_size, read_label_map
from common.data.palette import voc_palette, write_label_map
from common.data.toy import ToyConfig, make_toy
from common.errors import ConfigError, DataError
from common.files import read_json
from common.metrics.scores import compute_scores
from sod_wsss import evaluate, inference_segmentation, segmentation, train_segmentation
from sod_wsss.segmentation import V3PLUS_RECIPE

SMALL = {
    "network": {"backbone": {"width": 0.25, "weights": ""}, "rates": [1, 2]},
    "engine": {"device": "cpu"},
}
TRAIN = (
    "--backbone mobilenet_v2 --mode fix --use_gn True --tag own --label_name labels --data_dir VOC2012/ --batch_size 2 "
    "--max_epoch 1 --lr 0.007 --wd 4e-5 --nesterov True --image_size 33 --min_image_size 24 --max_image_size 64 --seed 3 "
    "--num_workers 0 --print_ratio 0.5 -c small.yaml"
)
PREDICT = (
    "--backbone mobilenet_v2 --mode fix --use_gn True --tag own --data_dir VOC2012 --num_workers 0 --engine.processes 1 "
    "-c small.yaml"
)
NAME = "own@val@scale=0.5,1.0@iteration={}"


def lay_out(work):
    """Four training images and two others as the published code has them, in ``work``; returns the ids of val."""
    toy = work / "toy"
    make_toy(toy, ToyConfig(n_train=4, n_val=2, size=40))
    root = work / "VOC2012"
    for name in ("JPEGImages", "SegmentationClass"):
        shutil.copytree(toy / name, root / name)
    shutil.copytree(toy / "SegmentationClass", work / "experiments/predictions/labels")
    (work / "data").mkdir()
    for name, source in (("train_aug", "train"), ("val", "val")):
        shutil.copy(toy / "ImageSets/Segmentation" / f"{source}.txt", work / "data" / f"{name}.txt")
    (work / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return (work / "data/val.txt").read_text().split()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which train_segmentation.py has run; not to be changed."""
    work = tmp_path_factory.mktemp("programs")
    lay_out(work)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        assert train_segmentation.main(shlex.split(TRAIN)) == 0
    return work


@pytest.fixture
def inside(trained, monkeypatch):
    monkeypatch.chdir(trained)
    return trained


def test_a_training_leaves_the_published_file_and_the_trainer_s_own(inside):
    state = torch.load("experiments/models/own.pth", weights_only=True)
    assert {name.split(".")[0] for name in state} == {"model", "aspp", "decoder"}
    run = inside / "experiments/models/own/deeplabv3plus/train_aug"
    settings = yaml.safe_load((run / "config.yaml").read_text())
    # Two steps of two images are one pass over four.
    assert (settings["engine"]["max_steps"], settings["engine"]["log_every"]) == (2, 1)
    optimizer, network = settings["optimizer"], settings["network"]
    assert (optimizer["momentum"], optimizer["weight_decay"], optimizer["nesterov"]) == (4e-5, 4e-5, True)
    assert settings["image"]["long_sides"] == [24, 64] and settings["image"]["crop_size"] == 33
    assert network["head_norm"] == "group" and network["backbone"]["freeze_batchnorm"]
    assert (settings["engine"]["seed"], network["backbone"]["name"]) == (3, "mobilenet_v2")
    assert list(run.rglob("events.out.tfevents*"))


@pytest.mark.parametrize("iteration", [0, 2])
def test_predictions_are_index_pictures_of_the_images_sizes_and_are_scored(inside, iteration, capsys):
    flags = f"{PREDICT} --scales 0.5,1.0 --domain val --iteration {iteration}"
    assert inference_segmentation.main(shlex.split(flags)) == 0
    folder = inside / "experiments/predictions" / NAME.format(iteration)
    ids = (inside / "data/val.txt").read_text().split()
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{one}.png" for one in ids)
    for one in ids:
        with Image.open(folder / f"{one}.png") as picture:
            assert picture.mode == "P" and picture.getpalette()[: 3 * 21] == voc_palette()[:21].ravel().tolist()
        size = image_size(inside / "VOC2012/JPEGImages" / f"{one}.jpg")
        assert read_label_map(folder / f"{one}.png").shape == size
    capsys.readouterr()
    words = ["--experiment_name", folder.name, "--domain", "val", "--mode", "png"]
    assert evaluate.main([*words, "--gt_dir", "VOC2012/SegmentationClass"]) == 0
    printed = capsys.readouterr().out
    assert "2 images of val" in printed
    assert all(name in printed for name in ("mIoU: ", "FP: ", "FN: ", "Acc: ", "Acc_class: ", "fwIoU: "))


def test_the_masks_themselves_score_100_percent_where_labels_occur_and_0_elsewhere(inside, capsys):
    assert evaluate.main(["--experiment_name", "labels", "--gt_dir", "VOC2012/SegmentationClass"]) == 0
    ids = (inside / "data/val.txt").read_text().split()
    maps = [read_label_map(inside / "VOC2012/SegmentationClass" / f"{one}.png") for one in ids]
    n_present = len({*np.unique(np.concatenate([one.ravel() for one in maps]))} - {255})
    printed = capsys.readouterr().out
    assert f"mIoU: {100 * n_present / 21:.3f}%, FP: 0.0000, FN: 0.0000" in printed
    assert "Acc: 100.00%, Acc_class: 100.00%, mIoU of present classes: 100.00%, fwIoU: 100.00%" in printed


def test_false_rates_are_means_over_the_classes_without_the_background():
    scores = compute_scores(np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]), over="all")
    assert evaluate.published_lines(scores)[0] == "mIoU: 38.889%, FP: 0.1667, FN: 0.0833"


def settings_of(flags, monkeypatch, module=train_segmentation):
    """What a program would have the trainer do: the settings it passes on."""
    seen = {}
    monkeypatch.setattr(
        module, "call_trainer", lambda command, config, settings, rest: seen.update(settings, rest=rest) or 0
    )
    if module is train_segmentation:
        monkeypatch.setattr(module, "publish_model", lambda trained, tag: tag)
    assert module.main(shlex.split(flags)) == 0
    return seen


def test_the_readmes_command_is_the_published_recipe(inside, monkeypatch):
    flags = "--backbone resnest101 --mode fix --use_gn True --tag t --label_name labels --data_dir VOC2012"
    seen = settings_of(flags, monkeypatch)
    assert (seen["network.backbone.name"], seen["network.head_norm"]) == ("resnest101", "group")
    # Fifty passes over four images, of which a batch of 16 has one step each.
    assert seen["engine.max_steps"] == 50 and seen["image.long_sides"] == [256, 1024]
    assert "optimizer.momentum" not in seen
    recipe = yaml.safe_load(V3PLUS_RECIPE.read_text())
    assert recipe["optimizer"]["momentum"] == recipe["optimizer"]["weight_decay"] == 4e-5
    assert recipe["engine"]["max_steps"] == 50 * (10582 // 16)


def test_without_a_backbone_it_is_the_published_default(inside, monkeypatch):
    seen = settings_of("--tag t --label_name labels --data_dir VOC2012", monkeypatch)
    assert seen["network.backbone.name"] == "resnest269"


def test_batchnorm_in_the_new_layers_is_real_and_says_what_was_published(inside, monkeypatch, capsys):
    flags = "--tag t --label_name labels --data_dir VOC2012 --use_gn False --mode {}"
    seen = settings_of(flags.format("fix"), monkeypatch)
    assert seen["network.head_norm"] == "batch" and "without any normalisation" in capsys.readouterr().out
    seen = settings_of(flags.format("normal"), monkeypatch)
    assert seen["network.backbone.freeze_batchnorm"] is False
    assert "without any normalisation" not in capsys.readouterr().out


def test_a_momentum_of_its_own_repairs_the_optimiser(inside, monkeypatch):
    seen = settings_of("--tag t --label_name labels --data_dir VOC2012 --wd 0.001 --momentum 0.9", monkeypatch)
    assert (seen["optimizer.weight_decay"], seen["optimizer.momentum"]) == (0.001, 0.9)


def test_the_short_spelling_of_the_scales_is_accepted(inside, monkeypatch, tmp_path):
    folder = "experiments/features/own@train@scale=2.0@iteration=0/deeplabv3plus/train/label"
    write_label_map(inside / folder / "a.png", np.zeros((2, 2), np.uint8))
    seen = settings_of("--tag own --scale 2.0 --domain train --data_dir VOC2012", monkeypatch, inference_segmentation)
    assert seen["test.scales"] == [2.0]
    assert (inside / "experiments/predictions/own@train@scale=2.0@iteration=0/a.png").is_file()


def test_the_best_checkpoint_on_val_can_be_the_one_that_is_kept(inside, capsys):
    flags = TRAIN.replace("--tag own", "--tag best").replace("--max_epoch 1", "--max_epoch 3")
    flags = flags.replace("--image_size 33", "--image_size 48").replace("--max_image_size 64", "--max_image_size 48")
    assert train_segmentation.main(shlex.split(f"{flags} --select best")) == 0
    run = inside / "experiments/models/best/deeplabv3plus/train_aug"
    steps = sorted(path.stem for path in (run / "checkpoints").glob("*.pth"))
    assert steps == ["checkpoint_2", "checkpoint_4", "checkpoint_6"]
    scores = {
        step: read_json(inside / f"experiments/scores/best@step{step}/deeplabv3plus/val/scores.json")["Mean IoU"]
        for step in (2, 4, 6)
    }
    best = max(scores, key=scores.get)
    assert f"checkpoint_{best}.pth, mIoU {100 * scores[best]:.2f}%" in capsys.readouterr().out
    own = torch.load(run / f"checkpoints/checkpoint_{best}.pth", weights_only=True)["model"]
    published = torch.load("experiments/models/best.pth", weights_only=True)
    assert published.keys() == {name.removeprefix("base.") for name in own}
    assert all(torch.equal(published[name.removeprefix("base.")], value) for name, value in own.items())


def test_colour_pictures_as_published_are_written_on_request(inside):
    flags = f"{PREDICT} --scales 1.0 --domain val"
    name = "own@val@scale=1.0@iteration=0"
    assert inference_segmentation.main(shlex.split(flags)) == 0
    folder = inside / "experiments/predictions" / name
    maps = {path.name: read_label_map(path) for path in folder.glob("*.png")}
    for _ in range(2):
        assert inference_segmentation.main(shlex.split(f"{flags} --colour")) == 0
        for file, label_map in maps.items():
            with Image.open(folder / file) as picture:
                np.testing.assert_array_equal(np.asarray(picture), voc_palette()[label_map])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--label_name labels --data_dir VOC2012", "--tag NAME"),
        ("--tag t --data_dir VOC2012", "--label_name NAME"),
        ("--tag t --label_name labels", "--data_dir FOLDER"),
        ("--tag t --label_name labels --data_dir VOC2012 --architecture Seg_Model", "Seg_Model is not part"),
    ],
)
def test_what_is_missing_or_not_here_is_an_error(inside, flags, message):
    with pytest.raises(ConfigError, match=message):
        train_segmentation.main(shlex.split(flags))


@pytest.mark.parametrize("flag", ["--max_epochs 3", "stray", "--bakbone resnest101"])
def test_an_unknown_flag_is_an_error(inside, flag, capsys):
    with pytest.raises(SystemExit):
        train_segmentation.main(shlex.split(f"--tag t --label_name labels --data_dir VOC2012 {flag}"))
    assert f"unrecognized arguments: {flag.split()[0]}" in capsys.readouterr().err


def test_a_tag_that_was_not_trained_and_a_list_that_is_not_there_are_errors(inside):
    with pytest.raises(ConfigError, match=r"there is no experiments/models/other\.pth"):
        inference_segmentation.main(shlex.split("--tag other --data_dir VOC2012"))
    with pytest.raises(ConfigError, match="0.5;1"):
        inference_segmentation.main(shlex.split("--tag own --data_dir VOC2012 --scales 0.5;1".replace(";", "\\;")))
    with pytest.raises(DataError, match=r"no list data/test\.txt"):
        evaluate.main(["--experiment_name", "labels", "--domain", "test", "--gt_dir", "VOC2012/SegmentationClass"])


def test_the_readmes_layout_is_found_too(tmp_path, monkeypatch):
    root = tmp_path / "data/voc12/VOCdevkit/VOC2012"
    (root / "JPEGImages").mkdir(parents=True)
    (tmp_path / "voc12").mkdir()
    (tmp_path / "voc12/train_aug_id.txt").write_text("a\n")
    monkeypatch.chdir(tmp_path)
    parser = segmentation.segmentation_parser("a.py", "")
    given, values, _ = segmentation.parse_published(parser, ["--tag", "t", "--data_dir", "data"])
    assert segmentation.dataset_root(given, values).samefile(root)
    assert segmentation.list_of("train_aug", root) == str(tmp_path / "voc12/train_aug_id.txt")
