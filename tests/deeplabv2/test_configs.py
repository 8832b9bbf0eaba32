"""Every recipe that is shipped parses, names a network that there is, and says at its top what it is."""

from pathlib import Path

import pytest
import torch

from common.errors import ConfigError
from deeplabv2.command_line import parse_command
from deeplabv2.losses import loss_terms
from deeplabv2.main import COMMANDS
from deeplabv2.networks.registry import network_kind
from deeplabv2.train import require_trainable

FOLDER = Path(__file__).parents[2] / "deeplabv2" / "configs"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
OWN = {"toy", "voc_animals"}
# The published recipes (deeplabv2 spec, section 5.1): labels, scales, crop, batch x passes, steps, rate, CRF widths.
FIVE, SEVEN = 5, 7
TABLE = {
    "voc12": (21, FIVE, 321, 5, 2, 20000, 2.5e-4, (1, 67, 3)),
    "cocostuff10k": (182, FIVE, 321, 5, 2, 20000, 2.5e-4, (1, 67, 3)),
    "cocostuff164k": (182, FIVE, 321, 5, 2, 100000, 2.5e-4, (1, 67, 3)),
    "voc12_coco_pretrained": (21, FIVE, 321, 5, 2, 20000, 2.5e-4, (1, 67, 3)),
    "voc12_imagenet_pretrained": (21, SEVEN, 321, 10, 2, 30000, 2.5e-4, (1, 67, 3)),
    "voc12_imagenet_torchvision": (21, SEVEN, 321, 10, 2, 30000, 2.5e-4, (1, 67, 3)),
    "thesis_coco": (21, FIVE, 321, 5, 2, 20000, 1e-4, (1, 67, 3)),
    "thesis_imagenet": (21, SEVEN, 321, 5, 2, 30000, 2.5e-4, (1, 67, 3)),
    "l2g_voc12_resnet_dplv2": (21, FIVE, 321, 5, 2, 20000, 2.5e-4, (1, 67, 3)),
    "l2g_voc12_resnet_dplv1": (21, FIVE, 321, 5, 2, 20000, 2.5e-4, (3, 121, 5)),
    "l2g_voc12_vgg_dplv1": (21, SEVEN, 448, 5, 2, 30000, 2.5e-4, (3, 121, 5)),
    "l2g_voc12_vgg_dplv2": (21, SEVEN, 448, 5, 2, 30000, 2.5e-4, (2, 65, 3)),
    "l2g_coco_resnet_dplv2": (81, FIVE, 321, 20, 1, 50000, 2.5e-4, (1, 67, 3)),
    "l2g_coco_vgg_dplv2": (81, FIVE, 321, 20, 2, 50000, 2.5e-4, (1, 67, 3)),
    "drs_voc12_2gpu": (21, FIVE, 321, 10, 2, 10000, 2.5e-4, (1, 67, 3)),
    "drs_voc12_4gpu": (21, FIVE, 321, 20, 2, 5000, 2.5e-4, (1, 67, 3)),
    "i2crc_voc12": (21, FIVE, 321, 5, 2, 20000, 2.5e-4, (1, 67, 3)),
}


def parsed(name):
    return parse_command("main.py", COMMANDS["train"], ["-c", str(FOLDER / f"{name}.yaml")])


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_parses_and_its_network_and_loss_are_known(name):
    config = parsed(name)
    assert network_kind(config.MODEL).head
    labels, tags = torch.zeros(1, 2, 2, dtype=torch.int64), torch.ones(1, config.DATASET.N_CLASSES - 1)
    assert loss_terms(torch.zeros(1, config.DATASET.N_CLASSES, 2, 2), labels, config.SOLVER, 255, tags)


@pytest.mark.parametrize("name", sorted(set(FILES) - OWN))
def test_a_recipe_opens_with_its_command_its_number_and_its_time(name):
    head = [line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    text = "\n".join(head)
    assert f"deeplabv2/configs/{name}.yaml" in head[1]
    assert "# Published: " in text and "# Time: " in text and "# Weights: " in text


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_has_the_published_settings(name):
    config = parsed(name)
    solver, crf = config.SOLVER, config.CRF
    assert (
        config.DATASET.N_CLASSES,
        len(config.DATASET.SCALES),
        config.IMAGE.SIZE.TRAIN,
        solver.BATCH_SIZE.TRAIN,
        solver.ITER_SIZE,
        solver.ITER_MAX,
        solver.LR,
        (crf.POS_XY_STD, crf.BI_XY_STD, crf.BI_RGB_STD),
    ) == TABLE[name]
    assert (solver.MOMENTUM, solver.WEIGHT_DECAY, solver.LR_DECAY) == (0.9, 5e-4, 10)
    assert (0.85 if name == "l2g_coco_vgg_dplv2" else 0.9) == solver.POLY_POWER


def test_every_published_recipe_is_there_and_no_two_write_to_one_folder():
    assert set(TABLE) | {"coco"} | OWN == set(FILES)
    folders = [parsed(name).training_run.path for name in FILES]
    assert len(set(folders)) == len(folders)


def test_the_container_of_the_coco_weights_is_not_trained():
    with pytest.raises(ConfigError, match="only holds initial weights"):
        require_trainable(parsed("coco"))
