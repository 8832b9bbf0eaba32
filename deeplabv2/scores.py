"""Scores of a folder of label maps: the published JSON, and the result record with its provenance."""

from __future__ import annotations

import json
import re
from pathlib import Path

from common.data.layout import DatasetLayout
from common.files import write_text
from common.method.score import any_masks, label_matrix, record_score
from common.metrics.scores import Scores, compute_scores, published_json
from common.report.record import Evaluated
from common.report.results import NONE
from deeplabv2.inference.refine import ImageCrf
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import initial_weights

# checkpoint_5000.pth of a training, deeplabv2_resnet101_msc-vocaug-20000.pth of a release, model_iter_8000.pth of SGAN.
STEPS_IN_NAME = re.compile(r"(?:checkpoint_|model_iter_|-)(\d+)\.(?:pth|caffemodel)")


def score_folder(
    config: DeepLabConfig, layout: DatasetLayout, checkpoint: Path | None, crf: ImageCrf | None = None
) -> None:
    """Evaluate the label maps of the VAL list; a list without masks is said so and not scored.

    Args:
        checkpoint: of the network that made the predictions, None if nobody knows.
        crf: the CRF that they went through.

    Raises:
        DataError: some images have masks and some have not, or a file does not fit.
    """
    ids, folder = layout.ids("val"), config.label_maps(crf is not None)
    # Of several parts the last to end finds all files there.
    if not all((folder / f"{image_id}.png").is_file() for image_id in ids):
        print(f"{folder} does not hold the label maps of all {len(ids)} images yet: nothing scored")
        return
    if not any_masks(layout, ids):
        print(f"no masks in {layout.masks} for {config.data.val_list}: predictions written, nothing scored")
        return
    matrix = label_matrix(layout, ids, folder, config.data.ignore_label)
    scores_file = config.scores / f"scores{folder.name.removeprefix('label').replace('crf', '_crf', 1)}.json"
    write_text(scores_file, published_text(compute_scores(matrix)))
    result = record_score(
        matrix,
        layout,
        Evaluated("val", len(ids), config.scores, config.engine.seed, config.report.score_classes),
        config.scores / "results.json",
        split=split_name(config),
        crf=crf.describe() if crf else NONE,
        stage="DeepLab-v2 + CRF" if crf else "DeepLab-v2",
        method=method_name(config),
        steps={config.network.name: trained_steps(config, checkpoint)},
        initial_weights=initial_weights(config),
        saliency_source=config.report.saliency_source or NONE,
        tags_given=config.test.tags,
    )
    print(f"Score dst: {scores_file}")
    print(result.line())


def published_text(scores: Scores) -> str:
    """``scores.json`` as deeplab-pytorch writes it: fractions, sorted keys with classes in the order of their numbers,
    indent 4, NaN for classes that are in no mask."""
    content = published_json(scores)
    content["Class IoU"] = {int(label): iou for label, iou in content["Class IoU"].items()}
    return json.dumps(content, indent=4, sort_keys=True)


def split_name(config: DeepLabConfig) -> str:
    """The split of the results table: ``val`` for lists like ``val`` and ``val_cls``, else the name of the list."""
    name = config.scores.name
    return "val" if name.startswith("val") else name


def method_name(config: DeepLabConfig) -> str:
    """The row of the results table: what the configuration says, else where the training masks came from."""
    if config.report.method:
        return config.report.method
    return f"labels of {Path(config.label_dir).name}" if config.label_dir else "fully supervised"


def trained_steps(config: DeepLabConfig, checkpoint: Path | None) -> int:
    """Steps behind a checkpoint: those in its name, else those of the configuration."""
    named = STEPS_IN_NAME.search(checkpoint.name) if checkpoint else None
    return int(named[1]) if named else config.engine.max_steps
