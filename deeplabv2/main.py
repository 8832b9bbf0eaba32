"""``python deeplabv2/main.py train | test | crf | predict | submit -c CONFIG [flags]``, and ``bench``."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import run_command
from deeplabv2 import flags
from deeplabv2.command_line import Command, Program, run_command_line, shortcuts
from deeplabv2.crf import crf_predictions
from deeplabv2.predict import PredictConfig, predict_folder, training_config
from deeplabv2.settings import DeepLabConfig
from deeplabv2.submit import SubmitConfig, submit
from deeplabv2.test import test_network
from deeplabv2.train import train_network

SHORTCUTS = shortcuts(flags.SHARED)


def run_train(config: DeepLabConfig) -> int:
    train_network(config)
    return 0


def run_test(config: DeepLabConfig) -> int:
    return test_network(config).exit_status("test")


def run_crf(config: DeepLabConfig) -> int:
    return crf_predictions(config).exit_status("crf")


def run_predict(config: PredictConfig) -> int:
    return predict_folder(config).exit_status("predict")


def run_submit(config: SubmitConfig) -> int:
    submit(config)
    return 0


def run_bench(arguments: Sequence[str]) -> int:
    # The other commands need not wait for what only this one imports.
    from deeplabv2.bench import main as bench

    return bench(arguments)


COMMANDS: dict[str, Command | Program] = {
    "train": Command(
        "Train on images and masks; a stopped training continues. Writes checkpoints and checkpoint_final.pth.",
        DeepLabConfig,
        run_train,
        flags.TRAIN,
    ),
    "test": Command(
        "Predict a list of the dataset: palette label maps and, where there are masks, scores.json.",
        DeepLabConfig,
        run_test,
        flags.TEST,
    ),
    "crf": Command(
        "Refine the predictions of test with the dense CRF: label maps and scores_crf.json. The logits come from the "
        "files of test --save-logits, or again from the network.",
        DeepLabConfig,
        run_crf,
        flags.CRF,
    ),
    "predict": Command(
        "Segment any folder of images: palette masks and overlays. Without -c it takes the settings that the training "
        "wrote beside the checkpoint, else those of the published VOC network.",
        PredictConfig,
        run_predict,
        flags.PREDICT,
        find_config=training_config,
    ),
    "submit": Command(
        "Pack the label maps of test or crf into the archive that the server of PASCAL VOC takes, and check every file.",
        SubmitConfig,
        run_submit,
        flags.SUBMIT,
    ),
    "bench": Program("Time the training step and its memory with and without each switch.", run_bench),
}


def main(argv: Sequence[str] | None = None) -> int:
    return run_command_line("deeplabv2/main.py", COMMANDS, argv, flags.SHARED)


if __name__ == "__main__":
    run_command(main)
