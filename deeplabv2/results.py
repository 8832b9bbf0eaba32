"""What a test leaves for the reader: the published scores, result records with their provenance, and sheets of single images."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from operator import methodcaller
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.images import read_image, read_label_map
from common.data.layout import DatasetLayout
from common.data.palette import IGNORE_LABEL, colour_label_map
from common.errors import DataError
from common.failures import read_failures
from common.files import atomic_write, write_text
from common.method.score import any_masks, evaluate_labels, record_score
from common.metrics.scores import Scores, compute_scores, published_json
from common.paths import path_of_id
from common.report.record import Evaluated
from common.report.results import NONE, NOT_RECORDED
from common.visual.overlay import cam_overlay, label_overlay
from common.visual.panels import png_bytes, side_by_side
from deeplabv2.inference import LoadInputs, Predictor
from deeplabv2.settings import DeepLabConfig
from deeplabv2.train import described_weights

# checkpoint_5000.pth of a training, deeplabv2_resnet101_msc-vocaug-20000.pth of a release, model_iter_8000.pth of SGAN.
STEPS_IN_NAME = re.compile(r"(?:checkpoint_|model_iter_|-)(\d+)\.(?:pth|caffemodel)")


def score_folder(config: DeepLabConfig, layout: DatasetLayout, checkpoint: Path | None, crf: str = NONE) -> None:
    """Evaluate the label maps of the VAL list; a list without masks is said so and not scored.

    Args:
        checkpoint: of the network that made the predictions, None if nobody knows.
        crf: the CRF that they went through, in words.
    """
    ids, folder = layout.ids("val"), config.label_maps(crf != NONE)
    # Of several parts the last to end finds all files there, but those of images that failed.
    failed = read_failures(folder)
    if not all(image_id in failed or path_of_id(folder, image_id, ".png").is_file() for image_id in ids):
        print(f"{folder} does not hold the label maps of all {len(ids)} images yet: nothing scored")
        return
    if not any_masks(layout, ids):
        print(f"no masks in {layout.masks} for {config.data.val_list}: predictions written, nothing scored")
        return
    evaluated = evaluate_labels(layout, ids, folder, config.data.ignore_label)
    matrix, n_images, left_out = evaluated.matrix, evaluated.n_images, len(evaluated.left_out)
    scores_file = config.scores / f"scores{folder.name.removeprefix('label').replace('crf', '_crf', 1)}.json"
    write_text(scores_file, published_text(compute_scores(matrix)))
    result = record_score(
        matrix,
        layout,
        Evaluated(
            *("val", n_images, config.scores, config.engine.seed, config.report.score_classes), left_out=left_out
        ),
        config.scores / "results.json",
        split=split_name(config),
        crf=crf,
        stage="DeepLab-v2" if crf == NONE else "DeepLab-v2 + CRF",
        method=method_name(config),
        steps={config.network.name: steps_of_checkpoint(config, checkpoint)},
        initial_weights=described_weights(config),
        saliency_source=config.report.saliency_source or NONE,
        tag_source=config.report.tag_source or (NOT_RECORDED if config.label_dir else NONE),
        tags_given=config.test.true_tags,
    )
    print(f"Score dst: {scores_file}")
    print(result.line())


def published_text(scores: Scores) -> str:
    """``scores.json`` as deeplab-pytorch writes it; keys are sorted with classes in the order of their numbers."""
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


def steps_of_checkpoint(config: DeepLabConfig, checkpoint: Path | None) -> int:
    """Steps behind a checkpoint: those in its name, else those of the configuration."""
    named = STEPS_IN_NAME.search(checkpoint.name) if checkpoint else None
    return int(named[1]) if named else config.engine.max_steps


def draw_sheets(
    config: DeepLabConfig, layout: DatasetLayout, ids: Sequence[str], load: LoadInputs, predictor: Predictor
) -> None:
    """``features/.../picture/<id>.png`` for ``report.pictures`` images, evenly spaced in ``ids``."""
    folder = config.label_maps(crf=False).with_name("picture")
    places = np.linspace(0, len(ids) - 1, min(config.report.pictures, len(ids))).astype(int)
    for image_id in (ids[place] for place in places):
        (prediction,) = predictor([load(image_id)])
        probabilities = predictor.form.probabilities(prediction.logits, prediction.size)
        sheet = png_bytes(panels_of(config, layout, image_id, probabilities))
        atomic_write(path_of_id(folder, image_id, ".png"), methodcaller("write", sheet))


def panels_of(config: DeepLabConfig, layout: DatasetLayout, image_id: str, probabilities: np.ndarray) -> np.ndarray:
    """All panels of one image side by side, uint8 RGB; probabilities are C x H x W at image size."""
    image, predicted = read_image(layout.image_path(image_id), layout.upright), probabilities.argmax(0).astype(np.uint8)
    unsure = entropy_bits(np.maximum(probabilities, 1e-12)) / np.log2(len(probabilities))
    panels = [("image", image), *known_maps(config, layout, image_id)]
    panels += [("prediction", colour_label_map(predicted)), ("on image", label_overlay(image, predicted))]
    panels += [("uncertainty", cam_overlay(image, np.clip(unsure, 0, 1)))]
    return side_by_side([panel for _, panel in panels], [title for title, _ in panels])


def known_maps(config: DeepLabConfig, layout: DatasetLayout, image_id: str) -> list[tuple[str, np.ndarray]]:
    """Title and colours (uint8 RGB, H x W x 3) of the label maps there are: its mask, and what it was trained on."""
    title = "seeds" if config.takes_seeds else "labels"
    places = {title: path_of_id(Path(config.label_dir), image_id, ".png")} if config.label_dir else {}
    with suppress(DataError):
        places["mask"] = layout.mask_path(image_id)
    maps = [(title, read_label_map(path, layout.upright)) for title, path in places.items() if path.is_file()]
    unlabelled = config.network.n_labels
    return [
        (title, colour_label_map(np.where(labels == unlabelled, IGNORE_LABEL, labels).astype(np.uint8)))
        for title, labels in maps
    ]


def entropy_bits(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Entropy over C of probabilities C x H x W (above 0), H x W in bits: 0 .. log2(C)."""
    bits: npt.NDArray[np.float32] = -(probabilities * np.log2(probabilities)).sum(0)
    return bits
