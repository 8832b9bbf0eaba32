"""A method, then DeepLab-v2, on photographs without masks; then the masks of all of them."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import CheckpointError, ConfigError
from common.failures import STAGE_FILE
from common.method.calls import call
from common.method.label_sets import LabelSet
from common.method.maps import record_of
from common.method.method import Method
from common.method.registry import PLAIN_CAM
from common.method.reproduce import job_of, reproduce, requirements_of_chain
from common.method.requirements import require_inputs
from common.method.segmentation import SEGMENTER, Segmentation
from common.method.settings import with_values
from common.metrics.confidence import CONFIDENCE_SUFFIX
from common.own.learned_labels import LEARNED_FROM, WITH_TRUE_MASKS, labels_with_true_masks
from common.own.true_masks import TrueMasks
from common.pseudo_labels.rule import LabelConfig

MASK_FOLDER, OVERLAYS, CONFIDENCE = "masks", "overlays", "confidence"


def as_flags(values: Mapping[str, Any]) -> list[str]:
    """Settings as flags; those that are given later win."""
    return [f"--{name}={value}" for name, value in values.items()]


def with_saliency_if_there(method: Method, saliency: bool) -> Method:
    """Plain CAM with the background from saliency maps where there are some; other methods know themselves.

    Raises:
        ConfigError: the method needs saliency maps and there are none.
    """
    if method.name != PLAIN_CAM:
        if not saliency:
            raise ConfigError(
                f"{method.name} is guided by saliency maps: give --saliency FOLDER, or --network RUN of a trained saliency network"
            )
        return method
    background = "saliency" if saliency else "constant"
    return dataclasses.replace(method, label_sets=lambda settings: [LabelSet({"labels.background": background})])


def run_chain(method: Method, settings: Any, out: Path, true: TrueMasks | None = None) -> tuple[Path, Path]:
    """Run it; what is complete is skipped.

    Args:
        out: the output folder, where label maps go that hold true masks.
        true: masks that take the place of pseudo labels; the segmentation network is then trained on these.

    Returns:
        The trained segmentation network, and the folder of the label maps that it learned from.
    """
    require_inputs(requirements_of_chain(method, settings, "segmentation"))
    reproduce(method, settings, until="labels" if true else "segmentation")
    kind = with_values(settings, method.main_set(settings).values)
    own = method.of_kind(Segmentation)
    job = own[-1].job(settings) if own else job_of(method, settings, method.main_set(settings))
    labels = Path(method.labels.folder(kind))
    if true:
        ids = method.labels.layout(kind).ids(kind.split)
        n_true = len(set(ids) & set(true.ids))
        labels = labels_with_true_masks(true, Path(job.label_folder or labels), ids, out)
        experiment, row = f"{job.experiment}_{labels.parent.name}", f"{job.row}, {n_true} true masks"
        job = dataclasses.replace(job, label_folder=labels, experiment=experiment, row=row)
        job.run()
    found = [folder / "checkpoint_final.pth" for folder in job.outputs("models")]
    if not found or not found[-1].is_file():
        raise CheckpointError(f"there is no trained network in {job.out}; run the same command again")
    return found[-1], labels


def outputs_of(out: Path) -> list[tuple[Path, str]]:
    """(folder, ending) of what is made of each photograph, with and without true masks."""
    kinds = ((MASK_FOLDER, ".png"), (OVERLAYS, ".jpg"), (CONFIDENCE, CONFIDENCE_SUFFIX))
    return [(place / name, ending) for place in (out, *with_true_masks(out)) for name, ending in kinds]


def with_true_masks(out: Path) -> list[Path]:
    """The folders of results that learned from true masks."""
    return [place for place in out.glob(f"{WITH_TRUE_MASKS}*") if (place / LEARNED_FROM / STAGE_FILE).is_file()]


def clear_results(out: Path) -> None:
    """Take away what earlier networks have predicted, before another one is trained: a stopped ``--force`` is continued without it."""
    places = [folder for folder, _ in outputs_of(out) if (folder / STAGE_FILE).is_file()]
    for folder in (*places, *with_true_masks(out)):
        shutil.rmtree(folder)


def require_own_results(method: Method, settings: Any, out: Path, crf: bool) -> None:
    """Raise :class:`ConfigError` where ``out`` holds the masks of a network that learned from other label maps than these settings make,
    or masks with the CRF where none is asked for, or the other way round: the new ones would be refused there, after the training.
    """
    if not (out / MASK_FOLDER / STAGE_FILE).is_file():
        return
    labels = Path(method.labels.folder(with_values(settings, method.main_set(settings).values)))
    if not (labels / STAGE_FILE).is_file():
        raise ConfigError(
            f"{out / MASK_FOLDER} holds the masks of another method, or of one with other saliency maps: give another --out, or --force to "
            "make everything anew"
        )
    if (record_of(out / MASK_FOLDER).get("crf") is not None) != crf:
        there, wanted = ("without", "with") if crf else ("with", "without")
        raise ConfigError(
            f"{out / MASK_FOLDER} was made {there} the CRF. To have the masks {wanted} it, move {MASK_FOLDER}, {OVERLAYS} and {CONFIDENCE} "
            f"out of {out} and run the same command again: nothing is trained anew"
        )


def predict_all(checkpoint: Path, images: Path, out: Path, crf: bool, flags: Sequence[str]) -> None:
    """Masks and overlays of all images at their own size, and how sure the network is of each."""
    places = ["-m", str(checkpoint.resolve()), "--images", os.path.realpath(images), "--out", str(out.resolve())]
    arguments = [*places, "--confidence"]
    call(SEGMENTER, ["predict", *arguments, *(["--crf"] if crf else []), *flags])


def threshold_flags(method: Method) -> list[str]:
    """What a method is told about its threshold, before the flags that the user gave."""
    labels = getattr(method.settings(), "labels", None)
    return ["--labels.choose_threshold", "tags"] if isinstance(labels, LabelConfig) else []


def threshold_facts(method: Method, settings: Any) -> dict[str, str]:
    """Heading -> which threshold made the label maps, and how it was chosen; empty where the rule has none to choose.

    Raises:
        DataError: it was not looked for yet.
    """
    kind = method.every_kind(settings)[-1]
    if not method.labels.sweeps(kind):
        return {}
    stated = method.labels.stated(method.labels.chosen(kind), method.labels.layout(kind))
    return {"background threshold": f"{stated['threshold']:.2f}, {stated['threshold_choice']}"}
