"""DeepLab-v2 in two rounds, as the paper's README runs it: which labels a round learns from, and where it writes.

Nothing is edited between the rounds: round 2 begins once ``label_refinement.py`` has made its label maps, and writes beside round 1.
The work is done by the segmentation trainer, called as the chain calls it, so that both continue each other's runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from common.commands import SHARED, Flag, absolute_paths, first_is_config
from common.config_files import Aliases, Renamed, read_settings
from common.errors import ConfigError, DataError
from common.method.calls import call, in_repository
from common.method.maps import record_of
from common.method.segmentation import SEGMENTER
from i2crc.settings import CLASSIFICATION

SEGMENTATION = Path(__file__).parent / "segmentation"
RECIPE = SEGMENTATION / "configs/voc12.yaml"
# What the two rounds learn from: the program that makes it, its folder, the ending of the experiment, the row of the table.
ROUND_LABELS = {
    1: ("gen_gt.py", "pseudo_labels", "", "I2CRC"),
    2: ("label_refinement.py", "refined_labels", "_round2", "I2CRC, round 2"),
}
PREDICT = {
    "test": "predict a list of the dataset: label maps and scores",
    "crf": "refine these predictions with the dense CRF",
}
MAIN = {"train": "train on the label maps of the round", **PREDICT}
# The paper calls its own network as deeplab-pytorch calls another one.
RENAMED = {"DeepLabV2_ResNet101_MSC": "I2CRC_ResNet101_MSC"}
ROUND_KEYS: Aliases = {
    "EXP.ID": "experiment", "EXP.OUTPUT_DIR": "out", "DATASET.ROOT": "data.root", "DATASET.LABEL_DIR": "label_dir",
    "DATASET.SPLIT.TRAIN": "data.train_list", "MODEL.NAME": Renamed("network.name", lambda name: RENAMED.get(name, name)),
}  # fmt: skip
# Settings that depend on the round, by the flags that give them, and other flags that name files.
ROUND_FLAGS = {
    "out": ("--out",),
    "data.root": ("--root", "--data.root"),
    "label_dir": ("--label-dir", "--label_dir"),
    "experiment": ("--experiment",),
    "report.method": ("--method", "--report.method"),
    "data.train_list": ("--data.train_list",),
    "network.name": ("--network.name",),
}
IN_SEGMENTATION = ("out", "data.root", "label_dir")
FILES = (
    Flag(SHARED[0].names, "", "FILE", ""),
    Flag(("-m", "--model-path", "--checkpoint"), "", "FILE", ""),
    Flag(("--split", "--data.val_list", "--data.train_list"), "", "LIST", ""),
    Flag(("--weights", "--network.weights", "--network.backbone.weights"), "", "WEIGHTS", ""),
)
ROUND_HELP = "--round 1 | 2: initial labels, or refined ones (default: 2 once label_refinement.py has made these)"


def settings_of_round(arguments: Sequence[str]) -> tuple[int, dict[str, Any], list[str], list[str]]:
    """The round, the settings that depend on it, configuration files and the other arguments; paths spelled out.

    A published configuration runs unchanged: what it does not say is said by I2CRC's own, and its folders begin in ``segmentation``.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(*SHARED[0].names, dest="config", action="append", default=[])
    parser.add_argument("--round", type=int, choices=(0, *ROUND_LABELS), default=0)
    for setting, flags in ROUND_FLAGS.items():
        parser.add_argument(*flags, dest=setting)
    try:
        given, rest = parser.parse_known_args(absolute_paths(first_is_config(arguments), FILES))
    except argparse.ArgumentError as error:
        raise ConfigError(str(error)) from error
    files = list(dict.fromkeys([str(RECIPE), *given.config]))
    values: dict[str, Any] = {}
    for file in files:
        values |= read_settings(Path(file), ROUND_KEYS)
    found = {name: SEGMENTATION / values[name] for name in IN_SEGMENTATION if values.get(name)}
    flags_given = {name: value for name, value in vars(given).items() if name in ROUND_FLAGS and value is not None}
    found |= {name: Path(value).absolute() for name, value in flags_given.items() if name in IN_SEGMENTATION}
    chosen = {name: values[name] for name in ROUND_FLAGS if values.get(name)} | flags_given | found
    inner = chosen["data.root"] / "VOC2012"
    return given.round, chosen | ({"data.root": inner} if inner.is_dir() else {}), files, rest


def run_round(arguments: Sequence[str], command: str, *more: str, number: int = 0, predicts: bool = False) -> int:
    """A command of the segmentation trainer on the labels of a round, which is printed; 1 when an image failed, else 0.

    Args:
        more: flags that distinguish the program.
        number: the round; 0 lets the arguments choose.
        predicts: work on the training list.

    Raises:
        DataError: nobody has made the label maps that a training is to learn from.
    """
    asked, chosen, files, rest = settings_of_round(arguments)
    number = number or asked or (2 if record_of(CLASSIFICATION / ROUND_LABELS[2][1]) else 1)
    program, folder, ending, row = ROUND_LABELS[number]
    labels = chosen.get("label_dir", CLASSIFICATION / folder)
    print(f"round {number}{'' if predicts else ' (--round 1 or 2 chooses)'}, labels {in_repository(labels)}")
    if command == "train" and not labels.is_dir():
        raise DataError(f"no label maps {labels}; make them with python {program}, or give --label-dir")
    chosen |= {"label_dir": labels, "experiment": f"{chosen['experiment']}{ending}"}
    chosen["report.method"] = chosen.get("report.method") or row
    flags = [f"--{name}={in_repository(value) if name in IN_SEGMENTATION else value}" for name, value in chosen.items()]
    split = ["--split", str(chosen["data.train_list"])] if predicts else []
    configs = [word for file in files for word in ("-c", in_repository(file))]
    return call(SEGMENTER, [command, *configs, *flags, *split, *more, *rest])


def run_round_program(program: str, texts: Mapping[str, str], predicts: bool, argv: Sequence[str] | None = None) -> int:
    """``PROGRAM train | test | crf --config-path CONFIG [flags]``.

    Args:
        texts: command -> what it does.
        predicts: the program predicts the training list with the network of round 1, and test keeps the logits.

    Raises:
        ConfigError: there is no such command.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in texts:
        known = "; ".join(f"{name}: {text}" for name, text in texts.items())
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"usage: python {program} COMMAND --config-path CONFIG [flags]\n{known}\n{ROUND_HELP}")
            return 0
        raise ConfigError(f"say what to do: python {program} {' | '.join(texts)} --config-path CONFIG ({known})")
    command, *rest = arguments
    if {"-h", "--help"} & set(rest):
        print(f"{ROUND_HELP}; and the flags of the segmentation trainer:")
        call(SEGMENTER, [command, "--help"])
        return 0
    if not predicts:
        return run_round(rest, command)
    return run_round(rest, command, *(["--save-logits"] if command == "test" else []), number=1, predicts=True)


main_program = partial(run_round_program, "main.py", MAIN, False)
prediction_program = partial(run_round_program, "trainaug_pred.py", PREDICT, True)
