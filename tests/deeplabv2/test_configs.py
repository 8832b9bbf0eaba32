"""Every recipe that is shipped parses, names a network that there is, and says at its top what it is."""

from pathlib import Path

import pytest
import torch

from common.commands import parse_command
from common.crf.presets import PRESETS
from common.engine.schedules import build_schedule
from common.errors import ConfigError
from deeplabv2.main import COMMANDS
from deeplabv2.networks.registry import network_kind
from deeplabv2.train import build_step, require_trainable

FOLDER = Path(__file__).parents[2] / "deeplabv2" / "configs"
FILES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
OWN = {"toy", "folder", "voc_animals", "voc_animals_hidden", "toy_dsrg", "voc_animals_dsrg"}
SGAN = {"sgan_voc12", "sgan_voc12_retrain"}
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
    return parse_command("main.py", COMMANDS["train"], [str(FOLDER / f"{name}.yaml")])


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_parses_and_its_network_and_loss_are_known(name):
    config = parsed(name)
    assert network_kind(config.network).head
    side = config.image.crop_size
    batch = {"image": torch.zeros(1, 3, side, side), "mask": torch.zeros(1, side, side, dtype=torch.int64)}
    batch["tags"] = torch.ones(1, config.network.n_labels - 1)
    logits = torch.zeros(1, config.network.n_labels, -(-side // 8), -(-side // 8))
    assert build_step(config, None)(lambda images: [logits], batch)


@pytest.mark.parametrize("name", sorted(set(FILES) - OWN))
def test_a_recipe_opens_with_its_command_its_number_and_its_time(name):
    head = [line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    text = "\n".join(head)
    assert f"deeplabv2/configs/{name}.yaml" in head[1] or name in SGAN
    assert "# Published: " in text and "# Time: " in text and "# Weights: " in text


@pytest.mark.parametrize("name", sorted({*SGAN, *OWN} - {"toy", "folder", "voc_animals", "voc_animals_hidden"}))
def test_a_recipe_for_seeds_opens_with_its_script_and_what_was_measured_here(name):
    text = (FOLDER / f"{name}.yaml").read_text()
    assert "bash sgan/segmentation/run.sh" in text and "Time: " in text and "Here: " in text


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_has_the_published_settings(name):
    config = parsed(name)
    engine, optimizer, crf = config.engine, config.optimizer, config.crf
    assert (
        config.network.n_labels,
        len(config.image.scales),
        config.image.crop_size,
        engine.batch_size,
        engine.accumulate,
        engine.max_steps,
        optimizer.lr,
        (crf.gaussian_sxy, crf.bilateral_sxy, crf.bilateral_srgb),
    ) == TABLE[name]
    assert (optimizer.momentum, optimizer.weight_decay, config.schedule.every) == (0.9, 5e-4, 10)
    assert (0.85 if name == "l2g_coco_vgg_dplv2" else 0.9) == config.schedule.power


def test_sgan_s_first_training_is_the_published_one():
    config = parsed("sgan_voc12")
    rate = build_schedule(config.schedule, config.engine.max_steps)
    rates = [round(0.001 * rate(step), 7) for step in (0, 1999, 2000, 4000, 7999)]
    assert rates == [1e-3, 1e-3, 3.3e-4, 1.089e-4, 3.59e-5]
    assert (config.engine.max_steps, config.engine.batch_size, config.optimizer.lr) == (8000, 15, 0.001)
    assert (config.optimizer.momentum, config.optimizer.weight_decay, config.optimizer.name) == (0.9, 5e-4, "sgd")
    assert (config.image.warp_size, config.image.crop_size, config.image.distort_colours) == (353, 321, True)
    loss, crf = config.loss, config.crf
    assert (loss.name, loss.seed_loss, loss.constrain, loss.grow) == ("dsrg", "balanced", True, False)
    assert config.test.squares == [288, 385, 481] and config.network.name == "DSRG_VGG16"
    assert crf.settings == PRESETS["sec"] and crf.image == "rgb"


def test_sgan_s_second_training_is_the_published_one():
    config = parsed("sgan_voc12_retrain")
    assert (config.engine.max_steps, config.engine.batch_size, config.schedule.name) == (20000, 10, "poly")
    assert config.loss.name == "retrain"


def test_every_published_recipe_is_there_and_no_two_write_to_one_folder():
    assert set(TABLE) | {"coco"} | OWN | SGAN == set(FILES)
    folders = [parsed(name).training_folder for name in FILES]
    assert len(set(folders)) == len(folders)


def test_the_container_of_the_coco_weights_is_not_trained():
    with pytest.raises(ConfigError, match="only holds initial weights"):
        require_trainable(parsed("coco"))
