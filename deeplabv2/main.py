"""``python deeplabv2/main.py train | test | crf | all | predict | submit -c CONFIG [flags]``, ``export`` and ``bench``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.commands import Command, Flag, Imported, Program, run_commands
from common.errors import run_command
from deeplabv2.aliases import ALIASES

MODEL = Flag(("-m", "--model-path"), "--checkpoint", "FILE", "checkpoint (default: the one this configuration trains)")
AVERAGED = (
    Flag(("--scales",), "--test.scales", "[0.75,1,1.25]", "average the logits over scales of the image"),
    Flag(("--flip",), "--test.flip", "", "average the logits with those of the mirror image"),
)
LONG_SIDE = Flag(
    ("--long-side",), "--seen_side", "N", "longer side of the images for the network; 0: their own (default 513)"
)
OF_EXPERIMENT = Flag(("--experiment",), "--experiment", "NAME", "name of the experiment in output paths")
REFINED = Flag(("--crf",), "--with_crf", "", "refine with the dense CRF")
# predict and submit have an --out of their own.
OUTPUTS = Flag(("--outputs",), "--out", "FOLDER", "where train, test and crf wrote (default: out of the configuration)")

# train, test and crf take the same flags, so that a script can pass all of them what it was given.
STAGE_FLAGS = (
    Flag(("--label-dir",), "--label_dir", "FOLDER", "train on these masks, e.g. pseudo labels or seeds"),
    Flag(("--weights",), "--network.weights", "WEIGHTS", "initial weights: a file, or imagenet"),
    OF_EXPERIMENT,
    Flag(("--method",), "--report.method", "NAME", "row of the results table (default: what the labels are)"),
    Flag(("--saliency_source",), "--report.saliency_source", "TEXT", "what made the saliency maps behind the labels"),
    MODEL,
    Flag(("--split",), "--data.val_list", "LIST", "list to work on, e.g. test (default: data.val_list)"),
    *AVERAGED,
    Flag(("--tags",), "--test.true_tags", "", "allow only background and the true tags of an image"),
    Flag(("--save-logits",), "--test.save_logits", "", "also write logit/<id>.npy, float32 C x h x w"),
    Flag(("--save-png",), "", "", "write palette label maps; they are written in any case"),
)
PREDICT_FLAGS = (
    MODEL,
    OUTPUTS,
    Flag(("--images",), "--image_folder", "FOLDER", "the images, in this folder and below it"),
    Flag(("--out",), "--results", "FOLDER", "where masks/, overlays/, probabilities/ and labels.txt go"),
    REFINED,
    Flag(("--probabilities",), "--probabilities", "", "also write probabilities/<id>.npz, float16 C x H x W"),
    Flag(("--no-overlays",), "--overlays=false", "", "without the pictures of the masks over the images"),
    LONG_SIDE,
    *AVERAGED,
)
SUBMIT_FLAGS = (
    Flag(("--out",), "--archive", "FILE", "the archive (default results.tgz)"),
    replace(REFINED, text="pack the label maps of crf instead of those of test"),
    Flag(("--masks",), "--mask_folder", "FOLDER", "pack the label maps of this folder instead"),
    Flag(("--split",), "--data.test_list", "LIST", "list to pack (default: data.test_list)"),
    Flag(("--competition",), "--competition", "5|6", "comp6 (default), or comp5 for training on nothing but VOC"),
    OF_EXPERIMENT,
    OUTPUTS,
)
# The repository, where the paths of the configurations begin.
REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = {
    "LABEL_DIR": "--label-dir",
    "ROOT": "--root",
    "OUT": "--out",
    "INIT_MODEL": "--weights",
    "ID": "--experiment",
    "METHOD": "--method",
    "JOBS": "-j",
}


# Imported when they are run: torch takes seconds, for which a help page need not wait.
SETTINGS = Imported("deeplabv2.settings", "DeepLabConfig")
TRAINING = Imported("deeplabv2.train", "TRAIN")
TEST = Imported("deeplabv2.test", "test_network")
CRF = Imported("deeplabv2.crf", "refine_predictions")


def train_network(config: Any) -> int:
    status: int = TRAINING.thing.run(config)
    return status


def run_all(config: Any) -> int:
    """Train, test, CRF; an error ends it, images that failed are left out."""
    return max(train_network(config), TEST(config), CRF(config))


def stage(text: str, run: Callable[[Any], int], **more: Any) -> Command:
    return Command(text, SETTINGS, run, STAGE_FLAGS, ALIASES, **more)


COMMANDS: dict[str, Command | Program] = {
    "train": stage(
        "Train on images and masks; a stopped training continues. Writes checkpoints and checkpoint_final.pth.",
        train_network,
    ),
    "test": stage(
        "Predict a list of the dataset: palette label maps and, where there are masks, scores.json.",
        TEST,
    ),
    "crf": stage(
        "Refine the predictions of test with the dense CRF: label maps and scores_crf.json. The logits come from the "
        "files of test --save-logits, or again from the network.",
        CRF,
    ),
    "all": stage(
        "Train, test and crf, from any directory; paths of flags begin where you are, those of the configuration in the "
        "repository.",
        run_all,
        environment=ENVIRONMENT,
        folder=REPOSITORY,
    ),
    "predict": Command(
        "Segment any folder of images: palette masks and overlays. Without -c it takes the settings that the training "
        "wrote beside the checkpoint, else those of the published VOC network.",
        Imported("deeplabv2.predict", "PredictConfig"),
        Imported("deeplabv2.predict", "predict_folder"),
        PREDICT_FLAGS,
        ALIASES,
        find_config=Imported("deeplabv2.predict", "training_config"),
    ),
    "submit": Command(
        "Pack the label maps of test or crf into the archive that the server of PASCAL VOC takes, and check every file.",
        Imported("deeplabv2.submit", "SubmitConfig"),
        Imported("deeplabv2.submit", "submit"),
        SUBMIT_FLAGS,
        ALIASES,
    ),
    "export": Program(
        "Write a trained network as an ONNX or TorchScript file for other programs.",
        Imported("deeplabv2.export", "main"),
    ),
    "bench": Program(
        "Time the training step and its memory with and without each switch.", Imported("deeplabv2.bench", "main")
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    return run_commands("deeplabv2/main.py", COMMANDS, argv)


if __name__ == "__main__":
    run_command(main)
