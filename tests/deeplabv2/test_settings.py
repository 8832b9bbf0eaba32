"""Every published configuration file parses, unchanged, to the settings it stands for."""

import copy

import pytest
import yaml

from common.config import parse_config
from common.config_files import apply_alias
from common.errors import ConfigError
from deeplabv2.aliases import ALIASES
from deeplabv2.dataset import data_config
from deeplabv2.networks.registry import NETWORKS, bare_network, network_kind
from deeplabv2.networks.settings import NetworkConfig
from deeplabv2.settings import DeepLabConfig, ImageConfig, SegmentationLossConfig
from deeplabv2.train import convention_of, require_trainable

FIVE_SCALES = [0.5, 0.75, 1.0, 1.25, 1.5]
SEVEN_SCALES = [*FIVE_SCALES, 1.75, 2.0]
# The VOC file of deeplab-pytorch (deeplabv2 spec, section 5.1): all keys that the published files have, but LABEL_DIR
# and WARP_IMAGE.
VOC12 = f"""
EXP: {{ID: voc12, OUTPUT_DIR: data}}
DATASET:
    NAME: vocaug
    ROOT: data/VOCdevkit
    LABELS: ./data/datasets/voc12/labels.txt
    N_CLASSES: 21
    IGNORE_LABEL: 255
    SCALES: {FIVE_SCALES}
    SPLIT: {{TRAIN: train_aug, VAL: val, TEST: test}}
DATALOADER: {{NUM_WORKERS: 0}}
IMAGE:
    MEAN: {{R: 122.675, G: 116.669, B: 104.008}}
    SIZE:
        BASE: # None
        TRAIN: 321
        TEST: 513
MODEL:
    NAME: DeepLabV2_ResNet101_MSC
    N_BLOCKS: [3, 4, 23, 3]
    ATROUS_RATES: [6, 12, 18, 24]
    INIT_MODEL: data/models/coco/deeplabv1_resnet101/caffemodel/deeplabv1_resnet101-coco.pth
SOLVER:
    BATCH_SIZE: {{TRAIN: 5, TEST: 1}}
    ITER_MAX: 20000
    ITER_SIZE: 2
    ITER_SAVE: 5000
    ITER_TB: 100
    LR_DECAY: 10
    LR: 2.5e-4
    MOMENTUM: 0.9
    OPTIMIZER: sgd
    POLY_POWER: 0.9
    WEIGHT_DECAY: 5.0e-4
    AVERAGE_LOSS: 20
CRF: {{ITER_MAX: 10, POS_W: 3, POS_XY_STD: 1, BI_W: 4, BI_XY_STD: 67, BI_RGB_STD: 3}}
"""
STUFF = {"DATASET.N_CLASSES": 182, "DATASET.SPLIT.TEST": None}
LARGE_FOV_CRF = {"CRF.POS_XY_STD": 3, "CRF.BI_XY_STD": 121, "CRF.BI_RGB_STD": 5}
VGG = {
    "DATASET.SCALES": SEVEN_SCALES,
    "IMAGE.SIZE.TRAIN": 448,
    "SOLVER.ITER_MAX": 30000,
    "DATASET.SPLIT.VAL": "val_aug",
}
L2G_COCO = {"DATASET.NAME": "coco", "DATASET.N_CLASSES": 81, "DATASET.SPLIT.TRAIN": "train", "DATASET.SPLIT.TEST": None}
L2G_COCO |= {"SOLVER.BATCH_SIZE.TRAIN": 20, "SOLVER.ITER_MAX": 50000}
BLANK = ["DATASET.ROOT", "DATASET.IGNORE_LABEL", "DATASET.SCALES", "DATASET.SPLIT.TRAIN", "DATASET.SPLIT.VAL"]
BLANK += ["DATASET.SPLIT.TEST", "IMAGE.SIZE.TRAIN", "MODEL.ATROUS_RATES", "MODEL.INIT_MODEL"]
# What the other published files change.
FILES = {
    "voc12": {},
    "cocostuff10k": {**STUFF, "DATASET.NAME": "cocostuff10k", "DATASET.WARP_IMAGE": True, "SOLVER.BATCH_SIZE.TEST": 5},
    "cocostuff164k": {**STUFF, "DATASET.NAME": "cocostuff164k", "SOLVER.ITER_MAX": 100000},
    "coco": {
        **dict.fromkeys(BLANK),
        "DATASET.NAME": "coco",
        "DATASET.N_CLASSES": 91,
        "MODEL.NAME": "DeepLabV1_ResNet101",
    },
    "clims_coco": {"DATASET.LABEL_DIR": "labels", "DATASET.ROOT": "VOC2012"},
    "clims_imagenet": {
        "DATASET.LABEL_DIR": "labels",
        "DATASET.SCALES": SEVEN_SCALES,
        "SOLVER.BATCH_SIZE.TRAIN": 10,
        "SOLVER.ITER_MAX": 30000,
        "MODEL.INIT_MODEL": "weights/deeplabv1_resnet101-imagenet.pth",
    },
    "thesis_coco": {"SOLVER.LR": 1e-4, "DATASET.LABEL_DIR": "pseudo_seg_labels"},
    "thesis_imagenet": {"DATASET.SCALES": SEVEN_SCALES, "SOLVER.ITER_MAX": 30000},
    "l2g_voc12_resnet_dplv2": {"DATASET.ROOT": "./../data/voc12/"},
    "l2g_voc12_resnet_dplv1": {
        "MODEL.NAME": "DeepLabV1_ResNet101_MSC",
        "DATASET.SPLIT.VAL": "val_aug",
        **LARGE_FOV_CRF,
    },
    "l2g_voc12_vgg_dplv1": {"MODEL.NAME": "DeepLabV1_VGG16_MSC", **VGG, **LARGE_FOV_CRF},
    "l2g_voc12_vgg_dplv2": {
        "MODEL.NAME": "DeepLabV2_VGG16_MSC",
        **VGG,
        "CRF.POS_W": 2,
        "CRF.POS_XY_STD": 2,
        "CRF.BI_XY_STD": 65,
    },
    "l2g_coco_resnet_dplv2": {**L2G_COCO, "SOLVER.ITER_SIZE": 1, "IMAGE.SIZE.BASE": None},
    "l2g_coco_vgg_dplv2": {**L2G_COCO, "MODEL.NAME": "DeepLabV2_VGG16_MSC", "SOLVER.POLY_POWER": 0.85},
    "drs_2gpu": {"DATASET.SPLIT.TRAIN": "train_cls", "DATALOADER.NUM_WORKERS": 6, "SOLVER.ITER_SAVE": 2000},
    "drs_4gpu": {"SOLVER.BATCH_SIZE.TRAIN": 20, "SOLVER.ITER_MAX": 5000, "SOLVER.ITER_SAVE": 1000},
    "i2crc": {"MODEL.INIT_MODEL": None},
}


def published(changes):
    """The settings of the VOC file with ``changes``, as nested dictionaries."""
    values = copy.deepcopy(yaml.safe_load(VOC12))
    for name, value in changes.items():
        *sections, key = name.split(".")
        place = values
        for section in sections:
            place = place[section]
        place[key] = value
    return values


def parsed(path, values, *flags):
    path.write_text(yaml.safe_dump(values))
    return parse_config(DeepLabConfig, ["-c", str(path), *flags], program="main.py", aliases=ALIASES)


def setting(config, published_name, value):
    """What a published key has become, and what it should be."""
    alias = ALIASES[published_name]
    if alias is None:
        return None, None
    name, value = apply_alias(alias, value)
    for part in name.split("."):
        config = getattr(config, part)
    return config, value


@pytest.mark.parametrize("file", FILES)
def test_a_published_file_parses_to_what_it_says(tmp_path, file):
    config = parsed(tmp_path / "config.yaml", published(FILES[file]))
    for name, value in FILES[file].items():
        if value is not None:
            found, wanted = setting(config, name, value)
            assert found == wanted
    assert FILES[file].get("SOLVER.LR", 2.5e-4) == config.optimizer.lr
    assert network_kind(config.network) is NETWORKS[FILES[file].get("MODEL.NAME", "DeepLabV2_ResNet101_MSC")]


def test_the_text_of_the_voc_file_parses(tmp_path):
    (tmp_path / "voc12.yaml").write_text(VOC12)
    config = parse_config(DeepLabConfig, ["-c", str(tmp_path / "voc12.yaml")], program="main.py", aliases=ALIASES)
    assert (config.optimizer.lr, config.optimizer.weight_decay, config.image.base_size) == (2.5e-4, 5e-4, 0)


def test_a_blank_key_takes_its_default(tmp_path):
    config = parsed(tmp_path / "config.yaml", published(FILES["coco"]))
    assert config.image.scales == FIVE_SCALES
    assert (config.data.ignore_label, config.data.val_list, config.image.crop_size) == (255, "val", 321)
    assert (config.network.weights, config.network.rates) == ("", [])


def test_the_default_is_the_published_voc_training(tmp_path):
    config, default = parsed(tmp_path / "config.yaml", published({})), DeepLabConfig()
    default.engine.workers = 0
    for section in ("engine", "optimizer", "schedule", "loss", "image", "test", "crf"):
        assert getattr(config, section) == getattr(default, section)
    assert config.data.train_list == default.data.train_list


@pytest.mark.parametrize(
    ("published_name", "ours"), [("voc", "voc12"), ("voc_test", "voc12"), ("vocaug", "vocaug"), ("coco", "coco14")]
)
def test_published_dataset_names_are_known(tmp_path, published_name, ours):
    config = parsed(tmp_path / "config.yaml", published({"DATASET.NAME": published_name}))
    assert data_config(config.data).dataset == ours


@pytest.mark.parametrize("name", ["cocostuff10k", "cocostuff164k"])
def test_a_dataset_that_cannot_be_read_is_an_error_where_it_is_needed(tmp_path, name):
    config = parsed(tmp_path / "config.yaml", published({"DATASET.NAME": name}))
    with pytest.raises(ConfigError, match=f"{name}.*VOC layout"):
        data_config(config.data)


def test_the_root_may_hold_voc2012(tmp_path):
    (tmp_path / "VOC2012").mkdir()
    config = parsed(tmp_path / "config.yaml", published({}), "--root", str(tmp_path))
    assert data_config(config.data).root == str(tmp_path / "VOC2012")


def test_a_misspelled_key_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="ITER_SAVE"):
        parsed(tmp_path / "config.yaml", published({"SOLVER.ITER_SAV": 5}))


def test_the_mean_colour_reaches_the_input(tmp_path):
    config = parsed(tmp_path / "config.yaml", published({"IMAGE.MEAN.R": 1.0, "IMAGE.MEAN.B": 3.0}))
    assert convention_of(config).mean == (3.0, 116.669, 1.0)
    assert convention_of(config).order == "BGR"


def test_output_folders_are_the_published_ones(tmp_path):
    config = parsed(tmp_path / "config.yaml", published({}))
    folder = "voc12/deeplabv2_resnet101_msc"
    assert config.final_checkpoint.as_posix() == f"data/models/{folder}/train_aug/checkpoint_final.pth"
    assert config.scores.as_posix() == f"data/scores/{folder}/val"
    assert config.label_maps(crf=False).as_posix() == f"data/features/{folder}/val/label"
    assert config.label_maps(crf=True).as_posix() == f"data/features/{folder}/val/crf"


def test_number_of_blocks_and_rates_shape_the_network():
    network = bare_network(NetworkConfig(n_labels=3, blocks=[1, 2, 1, 1], rates=[1, 2]))
    assert len(network.base.layer3) == 2
    assert [branch.dilation for branch in network.base.aspp.children()] == [(1, 1), (2, 2)]


def test_settings_that_contradict_each_other_are_errors():
    with pytest.raises(ConfigError, match=r"loss\.grow"):
        SegmentationLossConfig(name="retrain", grow=True)
    with pytest.raises(ConfigError, match=r"grow_background is 2"):
        SegmentationLossConfig(grow_background=2)
    with pytest.raises(ConfigError, match=r"8 k \+ 1"):
        DeepLabConfig(loss=SegmentationLossConfig(name="dsrg"), image=ImageConfig(crop_size=32))
    with pytest.raises(ConfigError, match=r"above image\.warp_size 25"):
        DeepLabConfig(image=ImageConfig(warp_size=25, crop_size=33))
    with pytest.raises(ConfigError, match=r"network\.pyramid"):
        require_trainable(DeepLabConfig(loss=SegmentationLossConfig(name="dsrg")))
