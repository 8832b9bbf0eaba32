import pytest

from common.errors import ConfigError
from sgan.settings import parse_settings

PUBLISHED = """
cfg_name: mine
dataset_name: voc12_sgan
dataset_root: voc
sal_subdir: sal_snet
sdnet_path: sal_snet
sal_thresh: 0.06
seed_subdir: base_30_bg
cue_file: im_tags.pkl
gt_path: SegmentationClassAug
batch_size: 15
num_worker: 8
resize: 321
new_size: 321
use_sal: True
num_classes: 21
mean: [104.008, 116.669, 122.675]
std:
step_size: 4000
lr: 0.001
"""


def test_a_published_file_is_read_with_its_unused_and_empty_keys(tmp_path):
    file = tmp_path / "published.yml"
    file.write_text(PUBLISHED)
    config = parse_settings(["--cfg_file", str(file)], "test")
    assert (config.cfg_name, config.data.dataset, config.data.tags, config.std) == (
        "mine",
        "vocaug",
        "im_tags.pkl",
        None,
    )
    assert config.final_weights.as_posix() == "model/mine/model_iter_8000.pth"
    assert config.seed_folder.as_posix() == "result/mine_seedcam_0.25"


def test_flags_come_after_the_file_and_short_ones_are_known(tmp_path):
    file = tmp_path / "published.yml"
    file.write_text(PUBLISHED)
    config = parse_settings(
        ["--cfg_file", str(file), "--max-steps", "5", "--seed", "3", "--semi.share", "0.125"], "test"
    )
    assert (config.engine.max_steps, config.engine.seed) == (5, 3)
    assert config.training_run.path.as_posix() == "model/mine_masks_1_8"
    assert config.method == "SGAN, 1/8 true masks"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--cam_tresh", "0.3"], "cam_thresh"),
        (["--sal_thresh", "6"], "sal_thresh is 6"),
        (["--cfg_name", "a/b"], "cfg_name"),
        (["--std", "[0.2, 0.2]"], "std"),
        (["--resize", "9"], "resize is 9"),
        (["--semi.share", "2"], "semi.share is 2"),
    ],
)
def test_a_wrong_setting_is_named(flags, named):
    with pytest.raises(ConfigError, match=named):
        parse_settings(flags, "test")


def test_an_unknown_dataset_is_an_error_with_the_known_ones():
    with pytest.raises(ConfigError, match="voc12_sgan"):
        _ = parse_settings(["--dataset_name", "voc13"], "test").data
