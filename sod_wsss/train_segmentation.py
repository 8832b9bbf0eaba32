"""``python train_segmentation.py --tag T --label_name LABELS --data_dir VOC [flags]``: DeepLabv3+ on label maps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bounds import LONGEST_SIDE, MOST_IMAGES, bounded_argument
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
    parser.add_argument(
        "--batch_size", type=bounded_argument("--batch_size", int, least=1, most=MOST_IMAGES), help="16"
    )
    parser.add_argument(
        "--max_epoch", type=bounded_argument("--max_epoch", int, least=1, most=10**6), help="passes over the list (50)"
    )
    parser.add_argument("--lr", type=bounded_argument("--lr", float, least=0, most=1000), help="0.007")
    parser.add_argument(
        "--wd",
        type=bounded_argument("--wd", float, least=0, most=1000),
        help="weight decay and, as published, momentum (4e-5)",
    )
    parser.add_argument(
        "--momentum",
        type=bounded_argument("--momentum", float, least=0, below=1),
        help="another momentum than the published one; 0.9 is usual",
    )
    parser.add_argument("--nesterov", type=truth_value, metavar="True|False", help="True")
    parser.add_argument(
        "--image_size",
        type=bounded_argument("--image_size", int, least=1, most=LONGEST_SIDE),
        help="side of the square that is cut out (512)",
    )
    parser.add_argument(
        "--min_image_size",
        type=bounded_argument("--min_image_size", int, least=1, most=LONGEST_SIDE),
        help="least longer side of the resized image (256)",
    )
    parser.add_argument(
        "--max_image_size",
        type=bounded_argument("--max_image_size", int, least=1, most=LONGEST_SIDE),
        help="greatest longer side (1024)",
    )
    parser.add_argument(
        "--print_ratio",
        type=bounded_argument("--print_ratio", float, least=0, most=1),
        default=0.1,
        help="share of an epoch between lines of the log (0.1)",
    )
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
