"""Configurations, published spellings, and settings that contradict each other."""

import re
from pathlib import Path

import pytest
import yaml

from common.errors import ConfigError
from common.method.command import command_of, settings_of
from common.method.settings import find_config, with_values
from smaf import gen_fused_cam, gen_pseudo_mask, infer, main, train
from smaf.method import EPS, MASKS, METHOD, ROUNDS, fused_folder, round_folder
from smaf.settings import SMAF_CONFIGS, SmafSettings
from tests.tiny_method import RunStages

CONFIGS = sorted(path.stem for path in SMAF_CONFIGS.glob("*.yaml"))
PUBLISHED = ["voc", "eps_voc", "cls_voc", "eps_coco", "cls_coco"]


def parse(*flags: str, name: str = "voc") -> SmafSettings:
    return settings_of("test", command_of(METHOD, ""), [str(SMAF_CONFIGS / f"{name}.yaml"), *flags])


@pytest.fixture(autouse=True)
def in_the_folder(monkeypatch):
    # The commands go there and stay.
    monkeypatch.chdir(METHOD.home)


@pytest.fixture
def program(monkeypatch):
    return RunStages(monkeypatch)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configuration_is_valid_and_opens_with_its_command(name):
    parse(name=name)
    first = (SMAF_CONFIGS / f"{name}.yaml").read_text().splitlines()[0]
    assert re.match(r"# (cd smaf && )?bash (smaf/reproduce|script/\w+)\.sh|# wsss own ", first)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_chain_of_a_configuration_names_files_that_are_there(name):
    chain = parse(name=name).chain
    for named in (chain.reference, chain.segmentation):
        assert not named or find_config(named).is_file()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_configuration_says_numbers_time_and_memory(name):
    head = "".join(line for line in (SMAF_CONFIGS / f"{name}.yaml").read_text().splitlines(True) if line[0] == "#")
    assert all(word in head for word in ("Published: ", "Here: ", "Time, published: ", "Memory: "))


def test_the_published_configuration_is_the_default():
    voc, default = parse(), SmafSettings()
    same = (
        "head",
        "lift",
        "rounds",
        "crop",
        "saliency_loss",
        "self_training",
        "optimizer",
        "schedule",
        "labels",
        "files",
    )
    assert {name: getattr(voc, name) for name in same} == {name: getattr(default, name) for name in same}
    assert with_values(voc, {"backbone.weights": ""}).backbone == default.backbone


def test_the_published_recipe_of_voc():
    voc = parse()
    assert (voc.engine.max_steps, voc.engine.batch_size, voc.engine.seed, voc.engine.last_batch) == (
        20000,
        8,
        1337,
        "keep",
    )
    assert (voc.crop.crop_size, voc.crop.long_sides) == (448, [256, 512])
    optimizer = voc.optimizer
    assert (optimizer.name, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.01, 5e-4, 5e-4)
    assert (voc.saliency_loss.tau, voc.saliency_loss.lam, voc.labels.threshold, voc.labels.crf) == (
        0.4,
        0.5,
        0.2,
        "label_all",
    )
    assert voc.cam.scales == [0.5, 1, 1.5, 2] and voc.cam.flip
    factors = [ROUNDS[0].schedule(voc, voc.engine)(step) for step in (0, 10000, 19999)]
    assert factors == pytest.approx([1, 0.5**0.9, (1 / 20000) ** 0.9])


@pytest.mark.parametrize(
    ("name", "head", "lam", "batch", "steps"),
    [
        ("eps_voc", "plain", 0.5, 8, 20000),
        ("cls_voc", "cls", 0.5, 8, 20000),
        ("eps_coco", "plain", 0.9, 16, 256500),
        ("cls_coco", "cls", 0.9, 16, 256500),
    ],
)
def test_the_published_recipes_of_eps(name, head, lam, batch, steps):
    eps = parse(name=name)
    assert (eps.head, eps.rounds, eps.saliency_loss.lam, eps.saliency_loss.tau) == (head, 0, lam, 0.4)
    assert (eps.engine.batch_size, eps.engine.max_steps, eps.engine.last_batch) == (batch, steps, "drop")
    assert (eps.labels.crf, eps.label_crf) == ("none", False)


def test_the_published_run_of_coco_keeps_its_last_rate_after_fifteen_epochs():
    coco = parse("--schedule_iters", "76950", name="eps_coco")
    schedule = EPS.schedule(coco, coco.engine)
    assert schedule(49850) == pytest.approx(0.39, abs=0.01) and schedule(76949) == schedule(256499) > 0
    assert EPS.schedule(parse(name="eps_coco"), coco.engine)(49850) == pytest.approx(0.82, abs=0.01)


EVERY_FLAG_OF_EPS = {
    "--session": ["eps"],
    "--data_root": ["VOC2012"],
    "--dataset": ["voc12"],
    "--saliency_root": ["SALImages"],
    "--train_list": ["metadata/voc12/train_aug.txt"],
    "--save_root": ["log"],
    "--batch_size": ["4"],
    "--crop_size": ["320"],
    "--resize_size": ["200", "400"],
    "--network": ["network.resnet38_eps"],
    "--weights": ["imagenet.params"],
    "--lr": ["0.02"],
    "--num_workers": ["3"],
    "--wt_dec": ["1e-4"],
    "--max_iters": ["10000"],
    "--tau": ["0.5"],
    "--lam": ["0.6"],
}


def given(flags):
    return [word for flag, values in flags.items() for word in (flag, *values)]


def test_every_flag_of_the_published_eps_training_is_read(program):
    stages, settings = program(main, *given(EVERY_FLAG_OF_EPS))
    assert stages == ["eps"] and (settings.head, settings.rounds) == ("plain", 0)
    assert settings.data.dataset == "vocaug" and Path(settings.data.root).name == "VOC2012"
    assert (settings.data.saliency, settings.data.train_list) == ("SALImages", "metadata/voc12/train_aug.txt")
    assert (settings.out, settings.backbone.weights) == ("log", "imagenet.params")
    assert (settings.engine.batch_size, settings.engine.workers, settings.engine.max_steps) == (4, 3, 10000)
    assert (settings.crop.crop_size, settings.crop.long_sides) == (320, [200, 400])
    assert (settings.optimizer.lr, settings.optimizer.weight_decay) == (0.02, 1e-4)
    assert (settings.saliency_loss.tau, settings.saliency_loss.lam) == (0.5, 0.6)


def test_the_published_name_of_the_network_chooses_the_baseline(program):
    assert program(main, "--network", "network.resnet38_cls")[1].head == "cls"


def test_every_flag_of_the_published_eps_inference_is_read(program):
    flags = {
        "--network": ["network.resnet38_cls"],
        "--weights": ["checkpoint_cls.pth"],
        "--n_gpus": ["1"],
        "--n_processes_per_gpu": ["1", "1"],
        "--infer_list": ["train.txt"],
        "--img_root": ["JPEGImages"],
        "--crf_alpha": ["16"],
        "--crf_t": ["10"],
        "--cam_png": ["pngs"],
        "--thr": ["0.3"],
        "--dataset": ["coco"],
    }
    stages, settings = program(infer, *given(flags))
    assert stages == ["cam", "label"] and (settings.head, settings.rounds) == ("cls", 0)
    assert Path(settings.checkpoint) == METHOD.home / "checkpoint_cls.pth" and settings.data.dataset == "coco14"
    assert (settings.labels.threshold, settings.labels.alpha, settings.labels.crf) == (0.3, 16, "none")
    assert MASKS.folder(settings).name == "pngs"
    assert program(infer, "--crf", "log/crf")[1].labels.crf == "label_all"


EVERY_FLAG_OF_SMAF = {
    "--name": ["any"],
    "--weights": ["logdir/eps_cls_mode/checkpoint_cls_finally.pth"],
    "--log_folder": ["logdir/proda_model"],
    "--path_soft": ["./logdir/cam_o_vec/cam_npy"],
    "--proto_rectify": [],
    "--used_save_pseudo": [],
    "--ema": [],
    "--moving_prototype": [],
    "--proto_momentum": ["0.001"],
    "--lr": ["0.02"],
    "--wt_dec": ["1e-4"],
    "--max_iters": ["10000"],
    "--batch_size": ["4"],
    "--crop_size": ["320"],
    "--resize_size": ["200", "400"],
    "--num_workers": ["3"],
    "--seed": ["7"],
    "--train_list": ["mine.txt"],
    "--val_list": ["val.txt"],
    "--data_root": ["VOC2012"],
    "--saliency_root": ["SALImages"],
}


def test_every_flag_of_the_published_self_training_is_read(program):
    stages, settings = program(train, *given(EVERY_FLAG_OF_SMAF))
    assert stages == ["round1", "fuse1", "round2", "fuse2", "round3", "fuse3", "round4"]
    assert Path(settings.initial_model) == METHOD.home / "logdir/eps_cls_mode/checkpoint_cls_finally.pth"
    assert settings.out == "logdir" and Path(settings.self_training.maps) == METHOD.home / "logdir/cam_o_vec/cam_npy"
    assert settings.self_training.prototype_momentum == 0.001 and settings.engine.seed == 7
    assert (settings.data.train_list, settings.data.val_list) == ("mine.txt", "val.txt")
    assert settings.head == "projection"


def test_switches_that_changed_nothing_in_the_published_code_change_nothing(program):
    assert program(train, "--proto_rectify", "--ema", "--moving_prototype")[1] == program(train)[1]


@pytest.mark.parametrize(
    ("module", "stages", "values"),
    [
        (gen_fused_cam, ["cam", "label"], {"rounds": 0, "labels.crf": "none"}),
        (gen_pseudo_mask, ["cam", "label_sets"], {"rounds": 1, "every_round": False}),
    ],
)
def test_every_flag_of_the_published_map_programs_is_read(program, module, stages, values):
    folder = "logdir/cam_o_vec" if module is gen_fused_cam else "logdir/proda_model/result_crf"
    flags = {
        "--network": ["network.resnet38_eps"],
        "--infer_list": ["train.txt"],
        "--img_root": ["JPEGImages"],
        "--cam_npy": [f"{folder}/cam_npy"],
        "--cam_png": [f"{folder}/cam_png"],
        "--thr": ["0.3"],
        "--n_processes_per_gpu": ["1"],
    }
    found, settings = program(module, *given(flags))
    assert found == stages and settings == with_values(settings, values)
    assert settings.head == "projection", "the published scripts name a network that is not used"
    assert settings.labels.threshold == 0.3
    before_the_crf = with_values(settings, {"labels.crf": "none"})
    assert MASKS.folder(before_the_crf) == METHOD.home / folder / "cam_png"


def test_the_masks_after_the_crf_have_a_folder_of_their_own(program):
    _, settings = program(gen_pseudo_mask, "--crf", "logdir/crf", "--crf_png", "refined", "--weights", "last.pth")
    assert MASKS.folder(settings).name == "refined" and settings.labels.crf == "label_all"
    assert Path(settings.checkpoint).name == "last.pth"


def test_fused_maps_cannot_go_elsewhere_than_where_the_programs_write_them(program):
    with pytest.raises(ConfigError, match="cam_npy is elsewhere/cam_npy; fused maps lie in"):
        program(gen_fused_cam, "--cam_npy", "elsewhere/cam_npy")


def test_a_file_in_the_published_spelling_is_read(tmp_path):
    flags = {name.removeprefix("--"): values for name, values in EVERY_FLAG_OF_EPS.items() if name != "--weights"}
    content = {
        name: values[0] if len(values) == 1 else [int(value) for value in values] for name, values in flags.items()
    }
    numbers = {name: yaml.safe_load(value) if isinstance(value, str) else value for name, value in content.items()}
    (tmp_path / "published.yaml").write_text(yaml.safe_dump({**numbers, "wt_dec": 1e-4}))
    settings = settings_of("test", command_of(METHOD, ""), ["-c", str(tmp_path / "published.yaml")])
    assert (settings.head, settings.crop.long_sides, settings.saliency_loss.lam) == ("plain", [200, 400], 0.6)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--rounds", "5"], "rounds is 5; give a whole number from 0 to 4"),
        (["--head", "cls"], "head cls.* rounds is 0"),
        (["--head", "cls", "--rounds", "0", "--cam.normalise", "foreground"], "cam.normalise foreground"),
        (["--tau", "2"], r"saliency_loss\.tau is 2"),
        (["--lam", "-1"], r"saliency_loss\.lam is -1"),
        (["--resize_size", "512", "256"], "crop.long_sides is"),
        (["--resize_size", "512"], "crop.long_sides"),
        (["--crop_size", "8"], "crop.crop_size is .*; give a whole number from 16"),
        (["--crop.jitter", "[2, 0, 0, 0]"], "jitter is"),
        (["--self_training.floor", "0"], r"self_training\.floor is 0"),
        (["--proto_momentum", "2"], r"self_training\.prototype_momentum is 2"),
        (["--self_training.round_lr", "-1"], "self_training.round_lr is -1.0; give a number from 0 to"),
        (["--self_training.prototypes", "true", "--engine.accumulate", "2"], "engine.accumulate at 1"),
        (["--thr", "2"], r"labels\.threshold is 2"),
        (["--head", "vgg"], "head"),
        (["--tua", "0.5"], "tau"),
    ],
)
def test_a_wrong_setting_is_named(flags, named):
    with pytest.raises(ConfigError, match=named):
        parse(*flags)


def test_the_row_of_the_table_says_what_was_trained():
    rows = [MASKS.row(parse("--rounds", str(number))) for number in range(4)]
    assert rows == ["EPS", "SMAF", "SMAF, 2 rounds", "SMAF, 3 rounds"]
    assert MASKS.row(parse(name="cls_voc")) == "EPS's CAM baseline"
    assert MASKS.row(parse("--report.method", "mine")) == "mine"


def test_the_baseline_looks_at_no_saliency():
    assert not MASKS.uses_saliency(parse(name="cls_voc")) and MASKS.uses_saliency(parse(name="eps_voc"))


def test_every_training_and_all_that_is_made_of_it_has_a_folder_of_its_own():
    settings = parse("--rounds", "4")
    folders = [
        *(round_folder(number)(settings).as_posix() for number in range(5)),
        *(fused_folder(number, settings).as_posix() for number in range(5)),
    ]
    assert len(set(folders)) == 10
    assert folders[:2] == ["logdir/eps_cls_mode", "logdir/proda_model"]
    assert folders[5:7] == ["logdir/cam_o_vec", "logdir/proda_model/result_crf"]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({}, "crf_png"),
        ({"labels.crf": "none"}, "cam_png"),
        ({"labels.crf": "none", "labels.background": "mean"}, "cam_png_mean"),
        ({"labels.crf": "label"}, "crf_png_label"),
        ({"labels.crf": "cam", "labels.background": "power"}, "crf_png_power_cam"),
    ],
)
def test_masks_of_another_rule_than_the_published_have_another_folder(values, name):
    assert MASKS.folder(with_values(parse(), values)) == Path("logdir/proda_model/result_crf", name)


def test_every_row_of_the_ablation_is_of_valid_settings_and_shares_with_another_row():
    for name, variant in METHOD.variants.items():
        with_values(parse(name="toy"), variant.values)
        assert not variant.network_of or variant.network_of in METHOD.variants, name
