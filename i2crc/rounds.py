"""DeepLab-v2 in two rounds, as the paper's README runs it: which labels a round learns from, and where it writes.

Nothing is edited between the rounds: round 2 begins once ``label_refinement.py`` has made its label maps, and writes beside round 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.commands import Command, Flag
from common.config_files import Aliases, Renamed
from common.engine.inference import STAGE_FILE
from common.errors import DataError, require
from common.models.backbones import BackboneConfig
from deeplabv2.crf import refine_predictions
from deeplabv2.main import COMMANDS
from deeplabv2.networks.registry import NetworkConfig
from deeplabv2.settings import CrfConfig, DeepLabConfig
from deeplabv2.test import test_network
from deeplabv2.train import TRAIN
from i2crc.settings import CLASSIFICATION

SEGMENTATION = Path(__file__).parent / "segmentation"
# What the two rounds learn from: the program that makes it, its folder, the ending of the experiment.
ROUNDS = {1: ("gen_gt.py", "pseudo_labels", ""), 2: ("label_refinement.py", "refined_labels", "_round2")}
NETWORK = "I2CRC_ResNet101_MSC"


@dataclass
class RoundConfig(DeepLabConfig):
    """DeepLab-v2 of one round. A published configuration file runs unchanged; what it does not say is I2CRC's.

    Args:
        label_round: 1 learns from the initial labels, 2 from the refined ones; 0 takes 2 where these are, else 1.
    """

    network: NetworkConfig = field(
        default_factory=lambda: NetworkConfig(
            name=NETWORK, weights="", backbone=BackboneConfig(weights="IMAGENET1K_V1")
        )
    )
    network_folder: str = "deeplabv2_resnet101_msc"
    crf: CrfConfig = field(default_factory=lambda: CrfConfig(image="mean_subtracted"))
    label_round: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.label_round in (0, *ROUNDS), f"label_round is {self.label_round}; there is 1 and 2")


def in_round(config: RoundConfig) -> RoundConfig:
    """The settings of the round, which is printed."""
    number = config.label_round or (2 if (CLASSIFICATION / ROUNDS[2][1] / STAGE_FILE).is_file() else 1)
    _, folder, ending = ROUNDS[number]
    labels = config.label_dir or str(CLASSIFICATION / folder)
    print(f"round {number} (--round {number}), labels {labels}")
    row = config.report.method or ("I2CRC" if number == 1 else "I2CRC, round 2")
    report = dataclasses.replace(config.report, method=row)
    return dataclasses.replace(
        config, label_round=number, label_dir=labels, experiment=config.experiment + ending, report=report
    )


def train_round(config: RoundConfig) -> int:
    """Train on the labels of the round.

    Raises:
        DataError: nobody has made them.
    """
    chosen = in_round(config)
    if not Path(chosen.label_dir).is_dir():
        program = ROUNDS[chosen.label_round][0]
        raise DataError(f"no label maps {chosen.label_dir}; make them with python {program}, or give --label-dir")
    return TRAIN.run(chosen)


def on_training_list(config: RoundConfig) -> RoundConfig:
    """The settings of the first round with the training list in place of the validation list."""
    data = dataclasses.replace(config.data, val_list=config.data.train_list)
    return dataclasses.replace(in_round(dataclasses.replace(config, label_round=1)), data=data)


def with_logits(config: RoundConfig) -> RoundConfig:
    """The published program stores them."""
    return dataclasses.replace(config, test=dataclasses.replace(config.test, save_logits=True))


# The paper calls its own network as deeplab-pytorch calls another one.
ROUND_KEYS: Aliases = {
    **COMMANDS["train"].aliases,  # type: ignore[union-attr]
    "MODEL.NAME": Renamed("network.name", lambda name: NETWORK if name == "DeepLabV2_ResNet101_MSC" else name),
}
ROUND_FLAGS = (
    Flag(("--round",), "--label_round", "N", "1: initial labels, 2: refined ones (default: 2 once these are made)"),
)


def of_round(name: str, run: Callable[[RoundConfig], int], text: str = "") -> Command:
    """A command of DeepLab-v2 with the settings of a round; relative paths of configurations begin in ``segmentation``."""
    command = COMMANDS[name]
    assert isinstance(command, Command)
    return dataclasses.replace(
        command,
        text=text or command.text,
        settings=RoundConfig,
        run=run,
        flags=(*command.flags, *ROUND_FLAGS),
        aliases=ROUND_KEYS,
        folder=SEGMENTATION,
    )


MAIN: Mapping[str, Command] = {
    "train": of_round("train", train_round),
    "test": of_round("test", lambda config: test_network(in_round(config))),
    "crf": of_round("crf", lambda config: refine_predictions(in_round(config))),
}
TRAINAUG_PRED: Mapping[str, Command] = {
    "test": of_round(
        "test",
        lambda config: test_network(with_logits(on_training_list(config))),
        "Predict the training list with the network of round 1: label maps and logits.",
    ),
    "crf": of_round(
        "crf",
        lambda config: refine_predictions(on_training_list(config)),
        "Refine these predictions with the dense CRF: what label_refinement.py starts from.",
    ),
}
