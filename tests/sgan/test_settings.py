import dataclasses

import pytest

from common.config import parse_config
from common.errors import ConfigError
from sgan.method import METHOD, SEED_LABELS, SGAN_TRAINING, training_folder
from sgan.settings import SGAN_KEYS, SganSettings

PUBLISHED = """
cfg_name: mine
dataset_name: voc12_sgan
dataset_root: voc
sal_subdir: sal_snet
sdnet_path: sal_other
sal_thresh: 0.07
seed_subdir: base_30_bg
cue_file: im_tags.pkl
gt_path: SegmentationClassAug
batch_size: 14
num_worker: 7
resize: 320
new_size: 321
use_sal: False
num_classes: 21
mean: [104.0, 116.669, 122.675]
std:
backbone: resnet18
pretrain: mine.pth
step_size: 4000
max_iter: 7000
display_step: 40
lr: 0.002
power: 0.8
weight_decay: 4.0e-4
seed_loss_ratio: 0.2
save_model_path: models/
test_cfg: _seeds
res_path: results
cam_thresh: 0.3
ignore_conflict: True
combine_seedseg: False
"""
# Where the values of PUBLISHED are found, in their order; the keys that nothing reads are left out.
FOUND = {
    "cfg_name": "mine",
    "data.dataset": "vocaug",
    "data.root": "voc",
    "data.saliency": "sal_snet",
    "sdnet_path": "sal_other",
    "sal_thresh": 0.07,
    "seed_subdir": "base_30_bg",
    "data.tags": "im_tags.pkl",
    "engine.batch_size": 14,
    "engine.workers": 7,
    "image_side": 320,
    "use_sal": False,
    "mean": [104.0, 116.669, 122.675],
    "std": [],
    "backbone.name": "resnet18",
    "backbone.weights": "mine.pth",
    "engine.max_steps": 7000,
    "engine.log_every": 40,
    "optimizer.lr": 0.002,
    "schedule.power": 0.8,
    "optimizer.weight_decay": 4e-4,
    "seed_loss_ratio": 0.2,
    "save_model_path": "models/",
    "test_cfg": "_seeds",
    "res_path": "results",
    "labels.cam_thresh": 0.3,
    "labels.ignore_conflict": True,
    "cam.combine": False,
}


def parse(*flags):
    return parse_config(SganSettings, flags, program="test", aliases=SGAN_KEYS)


def found(settings):
    def value(name):
        holder = settings
        for part in name.split("."):
            holder = getattr(holder, part)
        return holder

    return {name: value(name) for name in FOUND}


def test_every_key_of_a_published_file_is_read(tmp_path):
    file = tmp_path / "published.yml"
    file.write_text(PUBLISHED)
    assert found(parse("--cfg_file", str(file))) == FOUND


def test_every_key_of_a_published_file_is_a_flag():
    lines = [line.partition(": ") for line in PUBLISHED.strip().splitlines()]
    assert found(parse(*(word for key, _, value in lines if value for word in (f"--{key}", value)))) == FOUND


def test_the_published_configuration_is_the_default():
    published = parse("-c", str(METHOD.configs[0]))
    default = parse()
    assert published == parse("-c", str(METHOD.configs[0]), "--pretrain", "vgg_init.pth", "--backbone", "vgg16")
    assert published.chain != default.chain
    published.chain = default.chain
    # A school of VOC's tags, which other datasets do not have.
    assert (published.data.tags, default.data.tags) == ("sbd", "")
    published.data = dataclasses.replace(published.data, tags="")
    assert published == default
    assert (default.engine.seed, default.engine.last_batch, default.optimizer.momentum) == (7, "drop", 0.9)


def test_a_mapping_may_stand_where_the_published_file_names_the_backbone(tmp_path):
    file = tmp_path / "own.yml"
    file.write_text("backbone:\n  name: resnet18\n  width: 0.25\n")
    backbone = parse("-c", str(file)).backbone
    assert (backbone.name, backbone.width, backbone.output_stride) == ("resnet18", 0.25, 8)


def test_outputs_lie_in_the_published_places(tmp_path):
    config = parse("--cfg_name", "mine")
    assert SGAN_TRAINING.published.path(config, None).as_posix() == "model/mine/model_iter_8000.pth"
    assert SEED_LABELS.folder(config).as_posix() == "result/mine_seedcam_0.25_labels"
    assert training_folder(parse("--out", "elsewhere", "--cfg_name", "mine")).as_posix() == "elsewhere/model/mine"


def test_flags_come_after_the_file_and_short_ones_are_known(tmp_path):
    file = tmp_path / "published.yml"
    file.write_text(PUBLISHED)
    config = parse("--cfg_file", str(file), "--max-steps", "5", "--seed", "3", "--semi.share", "0.125")
    assert (config.engine.max_steps, config.engine.seed) == (5, 3)
    assert training_folder(config).as_posix() == "models/mine_masks_1_8"
    assert SEED_LABELS.row(config) == "SGAN, 1/8 true masks"


def test_published_saliency_maps_have_a_known_source_and_others_none():
    assert parse().report.saliency_source.startswith("SNet")
    assert parse("--sal_subdir", "mine").report.saliency_source == ""
    assert parse("--report.saliency_source", "own SNet").report.saliency_source == "own SNet"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--cam_tresh", "0.3"], "cam_thresh"),
        (["--sal_thresh", "6"], "sal_thresh is 6"),
        (["--cam_thresh", "6"], "cam_thresh is 6"),
        (["--cfg_name", "a/b"], "cfg_name"),
        (["--std", "[0.2, 0.2]"], "std"),
        (["--resize", "9"], "image_side is 9; give a whole number from 17"),
        (["--semi.share", "2"], "semi.share is 2"),
        (["--dataset_name", "voc13"], "vocaug"),
        (["--backbone", "vgg19"], "vgg16"),
    ],
)
def test_a_wrong_setting_is_named(flags, named):
    with pytest.raises(ConfigError, match=named):
        parse(*flags)
