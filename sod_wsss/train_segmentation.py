"""``python train_segmentation.py --tag T --label_name LABELS --data_dir VOC [flags]``: DeepLabv3+ on label maps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bounds import LONGEST_SIDE, MOST_IMAGES, add_number
from common.errors import require, run_command
from common.method.calls import in_repository_if_file
from sod_wsss.segmentation import (
    EXPERIMENTS,
    NETWORK_FOLDER,
    V3PLUS_EPOCHS,
    best_checkpoint,
    call_trainer,
    data_settings,
    dataset_root,
    epochs_as_steps,
    list_of,
    listed_images,
    network_settings,
    parse_published,
    publish_model,
    segmentation_parser,
    truth_value,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, or continue a stopped training; the end is ``experiments/models/<tag>.pth``."""
    parser = segmentation_parser(
        "train_segmentation.py", "Train DeepLabv3+ on experiments/predictions/<label_name>/<id>.png."
    )
    parser.add_argument("--label_name", default="", help="folder of the label maps in experiments/predictions")
    add_number(parser, "--batch_size", None, "16", least=1, most=MOST_IMAGES)
    add_number(parser, "--max_epoch", None, "passes over the list (50)", least=1, most=10**6)
    add_number(parser, "--lr", None, "0.007", kind=float, least=0, most=1000)
    add_number(parser, "--wd", None, "weight decay and, as published, momentum (4e-5)", kind=float, least=0, most=1000)
    add_number(
        parser,
        "--momentum",
        None,
        "another momentum than the published one; 0.9 is usual",
        kind=float,
        least=0,
        below=1,
    )
    parser.add_argument("--nesterov", type=truth_value, metavar="True|False", help="True")
    add_number(parser, "--image_size", None, "side of the square that is cut out (512)", least=1, most=LONGEST_SIDE)
    add_number(
        parser, "--min_image_size", None, "least longer side of the resized image (256)", least=1, most=LONGEST_SIDE
    )
    add_number(parser, "--max_image_size", None, "greatest longer side (1024)", least=1, most=LONGEST_SIDE)
    add_number(parser, "--print_ratio", 0.1, "share of an epoch between lines of the log (0.1)", least=0, most=1)
    parser.add_argument("--weights", help="initial weights of the backbone: imagenet, or a file")
    parser.add_argument(
        "--select",
        choices=("last", "best"),
        default="last",
        help="best: as published, of the checkpoints of all epochs the one with the highest mIoU on val, whose true masks it needs",
    )
    given, values, rest = parse_published(parser, argv)
    require(bool(given.label_name), "say which label maps to learn from: --label_name NAME in experiments/predictions")
    root = dataset_root(given, values)
    train_list = list_of(values.get("data.train_list", "train_aug"), root)
    settings = {
        "out": EXPERIMENTS.absolute(),
        "experiment": given.tag,
        "label_dir": (EXPERIMENTS / "predictions" / given.label_name).absolute(),
        **data_settings(root, train_list, list_of("val", root)),
        **network_settings(given, values),
        **epochs_as_steps(given, values, len(listed_images(values, root, train_list))),
    }
    momentum = given.wd if given.momentum is None else given.momentum
    sides = values["image.long_sides"]
    asked = {
        "optimizer.lr": given.lr,
        "optimizer.weight_decay": given.wd,
        "optimizer.momentum": momentum,
        "optimizer.nesterov": given.nesterov,
        "image.crop_size": given.image_size,
        "network.backbone.weights": in_repository_if_file(given.weights) if given.weights else None,
    }
    settings |= {name: value for name, value in asked.items() if value is not None}
    settings["image.long_sides"] = [given.min_image_size or sides[0], given.max_image_size or sides[1]]
    if given.select == "best":
        settings["engine.keep_last"] = given.max_epoch or V3PLUS_EPOCHS
    call_trainer("train", given.config, settings, rest)
    run = EXPERIMENTS / "models" / given.tag / NETWORK_FOLDER / Path(train_list).stem
    chosen = run / "checkpoint_final.pth"
    if given.select == "best":
        side = given.image_size or values["image.crop_size"]
        chosen = best_checkpoint(run, given.config, settings, side, rest)
    print(f"wrote {publish_model(chosen, given.tag)}")
    return 0


if __name__ == "__main__":
    run_command(main)
