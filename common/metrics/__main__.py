"""Score a folder of predicted label maps: ``python -m common.metrics PREDICTIONS TRUTH --list FILE --classes 20``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from common.bounds import MOST_PROCESSES, add_number
from common.data.lists import read_list
from common.errors import require, run_command
from common.files import write_json
from common.metrics.arguments import add_scored, percent, scored_names
from common.metrics.confusion import LabelMap
from common.metrics.elsewhere import RULES, PixelCounts, count_image, elsewhere_table, join_counts
from common.metrics.folder import evaluate_folder
from common.metrics.scores import Scores, compute_scores, published_json, restrict_truth
from common.paths import path_of_id


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.metrics", description="Score predicted label maps.")
    parser.add_argument("predictions", type=Path, help="folder of predictions <id>.png")
    parser.add_argument("truth", type=Path, help="folder of true label maps <id>.png")
    add_scored(parser)
    parser.add_argument(
        "--over", choices=("present", "all"), default="present", help="classes in the mean (see scores.py)"
    )
    add_number(parser, "--workers", None, "threads (default: two per core)", least=0, most=MOST_PROCESSES)
    parser.add_argument("--json", type=Path, help="also write the scores there, with deeplab-pytorch's keys")
    parser.add_argument(
        "--as",
        dest="elsewhere",
        nargs="+",
        default=[],
        choices=(*RULES, "all"),
        help="also print what these packages say for the same masks",
    )
    arguments = parser.parse_args(argv)
    require(not (arguments.elsewhere and arguments.only), "--as goes without --only: other packages score all classes")

    counted: list[PixelCounts] = []

    def count(truth: LabelMap, prediction: LabelMap) -> tuple[LabelMap, LabelMap]:
        counted.append(count_image(truth, prediction, len(names)))
        return truth, prediction

    names, labels = scored_names(arguments)
    result = evaluate_folder(
        lambda identifier: path_of_id(arguments.truth, identifier, ".png"),
        lambda identifier: path_of_id(arguments.predictions, identifier, ".png"),
        [entry.id for entry in read_list(arguments.list)],
        len(names),
        workers=arguments.workers,
        prepare=count if arguments.elsewhere else None,
        upright=True,
    )
    scores = compute_scores(restrict_truth(result.matrix, labels), [names[label] for label in labels], arguments.over)
    print(score_table(scores, result.n_images))
    if arguments.elsewhere:
        chosen = list(RULES) if "all" in arguments.elsewhere else arguments.elsewhere
        print(elsewhere_table(chosen, join_counts(counted)))
    if arguments.json is not None:
        write_json(arguments.json, published_json(scores, labels))


def score_table(scores: Scores, n_images: int) -> str:
    """The scores as aligned text, in percent."""
    width = max(len("frequency weighted IoU"), *(len(name) for name in scores.names))
    rows = [
        ("pixel accuracy", scores.pixel_accuracy),
        ("mean accuracy", scores.mean_accuracy),
        ("frequency weighted IoU", scores.frequency_weighted_iou),
    ]
    lines = [f"{n_images} images", f"{'class':{width}}    IoU  false positive  false negative"]
    per_class = zip(
        (*scores.names, "mean"),
        (*scores.class_iou, scores.mean_iou),
        (*scores.class_false_positive_rate, scores.false_positive_rate),
        (*scores.class_false_negative_rate, scores.false_negative_rate),
        strict=True,
    )
    lines += [f"{name:{width}}  {percent(a):>5}  {percent(b):>14}  {percent(c):>14}" for name, a, b, c in per_class]
    lines += [f"{name:{width}}  {percent(value):>5}" for name, value in rows]
    if scores.absent:
        lines.append(f"not in the truth: {', '.join(scores.absent)}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
