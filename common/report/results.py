"""One measured number together with everything needed to know what was measured, and the ``results.json`` that holds it.

Users compare train with val, CAMs with pseudo labels, and numbers before with numbers after the CRF. A :class:`Result`
therefore cannot be made without saying which list, stage, threshold, CRF, initial weights and saliency maps it is of.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import DataError
from common.files import read_json, write_text
from common.locks import in_turn
from common.records import VALUE_CHECKS

FORMAT_VERSION = 1
STAGES = ("seed", "pseudo label", "pseudo label + CRF", "DeepLab-v2", "DeepLab-v2 + CRF")
NONE = "none"
# What a result says whose makers did not write it down, as those of earlier versions.
NOT_RECORDED = "not recorded"
THRESHOLD_CHOICE = re.compile(r"fixed|not used|from tags alone on .+|best on .+ against its masks")
# What is added to the stage in the tables, so that a number whose threshold saw the masks stands in a column of its own.
ORACLE = ", oracle threshold"
# A recorded mean and the mean of recorded class values may differ by rounding, never by more.
MEAN_TOLERANCE = 0.01
SCORE_FIELDS = ("miou", "pixel_accuracy", "mean_accuracy", "false_positive_rate", "false_negative_rate")


@dataclass(frozen=True)
class Result:
    """One evaluation. All scores are percent, 0..100; ``nan`` in ``class_iou`` marks a class that is in no mask.

    Raises:
        DataError: a field is empty, of the wrong type or out of range, or two fields contradict each other.
    """

    method: str  # row of the table: 'plain CAM', 'CAM x saliency', 'all background', 'fully supervised', 'SGAN', ...
    stage: str  # one of STAGES
    dataset: str
    list: str  # file name of the image list
    split: str  # 'train', 'train_aug', 'val', 'test', and which of its images where not all
    n_images: int
    miou: float  # mean of class_iou over the classes that occur
    class_iou: dict[str, float]  # in label order, background first
    pixel_accuracy: float
    mean_accuracy: float
    false_positive_rate: float
    false_negative_rate: float
    threshold: float | None  # background threshold, None where none is used
    threshold_choice: (
        str  # 'fixed', 'from tags alone on <list>', 'best on <list> against its masks' (oracle) or 'not used'
    )
    crf: str  # settings of the CRF this very output went through, or 'none'
    initial_weights: str
    saliency_source: str  # what made the saliency maps, or 'none'
    tag_source: str  # tag file, its fingerprint and whose tags they are; 'none' where no tags are behind it
    tags_given: bool  # the true tags were known when this output was made
    seed: int
    steps: dict[str, int]  # optimiser steps per trained network, {'none': 0} where nothing was trained
    commit: str
    run_folder: str
    created_by: str  # command line
    versions: dict[str, str]
    ignored: float = 0.0  # percent of the scored pixels that the output leaves without a label; they count as wrong
    kept_miou: float | None = None  # mIoU of the other pixels; None where there is no ignored one
    left_out: int = 0  # images of the list that are not among n_images, as a stage failed with them
    known_list: str = NONE  # which published list it is, or is a part of, in words; 'none' where nothing is known of it

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_field(field.name, str(field.type), getattr(self, field.name))
        self._check_scores()
        self._check_agreement()

    @property
    def oracle(self) -> bool:
        """Whether the threshold was chosen by the masks that it is scored against."""
        return self.threshold_choice.startswith("best on ")

    @property
    def threshold_in_words(self) -> str:
        """How the threshold was chosen, the oracle under its name."""
        return f"oracle, {self.threshold_choice}" if self.oracle else self.threshold_choice

    @property
    def column(self) -> tuple[str, str]:
        """Where it stands in the tables: the stage, with the oracle's mark, and the split."""
        return (self.stage + (ORACLE if self.oracle else ""), self.split)

    def line(self) -> str:
        """What a command says about it when it is measured."""
        kept = (
            ""
            if self.kept_miou is None
            else f" ({self.ignored:.1f} % of the pixels ignored; of the others {self.kept_miou:.1f})"
        )
        left_out = f", {self.left_out} left out because they failed" if self.left_out else ""
        return f"{self.method}, {self.stage}, {self.list}: {self.miou:.1f} mIoU over {self.n_images} images{left_out}{kept}"

    def _check_scores(self) -> None:
        scores = {name: getattr(self, name) for name in SCORE_FIELDS} | self.present_iou()
        for name, value in scores.items():
            if not (math.isfinite(value) and 0 <= value <= 100):
                raise DataError(f"result field {name!r} is {value}; give percent between 0 and 100")
        present = list(self.present_iou().values())
        if not present:
            raise DataError(
                "result field 'class_iou' has no class that occurs; evaluate on a list with labelled pixels"
            )
        mean = sum(present) / len(present)
        if abs(mean - self.miou) > MEAN_TOLERANCE:
            raise DataError(
                f"result field 'miou' is {self.miou:.4f} but the mean of 'class_iou' is {mean:.4f}; "
                "give both in percent and nan for each class that does not enter the mean"
            )

    def _check_agreement(self) -> None:
        if self.stage not in STAGES:
            raise DataError(f"result field 'stage' is {self.stage!r}; use one of {', '.join(STAGES)}")
        if self.stage.endswith("+ CRF") == (self.crf == NONE):
            raise DataError(
                f"result stage {self.stage!r} contradicts crf {self.crf!r}; the stage says '+ CRF' iff one ran"
            )
        if not 0 <= self.ignored <= 100 or (self.ignored == 0) != (self.kept_miou is None):
            raise DataError(f"result field 'ignored' is {self.ignored} percent, with a kept_miou of {self.kept_miou}")
        if self.left_out < 0:
            raise DataError(f"result field 'left_out' is {self.left_out}; it is a number of images")
        if self.n_images < 1:
            raise DataError(f"result field 'n_images' is {self.n_images}; a number needs at least one image")
        if not THRESHOLD_CHOICE.fullmatch(self.threshold_choice):
            raise DataError(
                f"result field 'threshold_choice' is {self.threshold_choice!r}; "
                "use 'fixed', 'from tags alone on <list>', 'best on <list> against its masks' or 'not used'"
            )
        if (self.threshold is None) != (self.threshold_choice == "not used"):
            raise DataError(f"result threshold {self.threshold} contradicts threshold_choice {self.threshold_choice!r}")

    def present_iou(self) -> dict[str, float]:
        """IoU of the classes that occur in the masks, percent."""
        return {name: value for name, value in self.class_iou.items() if not math.isnan(value)}

    def absent_classes(self) -> tuple[str, ...]:
        """Names of the classes that occur in no mask of the list."""
        return tuple(name for name, value in self.class_iou.items() if math.isnan(value))

    def identity(self) -> tuple[str, str, str, str, int, bool]:
        """What makes two records the same measurement, so that the newer replaces the older."""
        return (self.method, self.stage, self.dataset, self.split, self.seed, self.oracle)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values; an absent class is ``None``."""
        record = dataclasses.asdict(self)
        record["class_iou"] = {name: None if math.isnan(value) else value for name, value in self.class_iou.items()}
        if not self.left_out:
            del record["left_out"]
        if self.known_list == NONE:
            del record["known_list"]
        return record


FIELD_NAMES = tuple(field.name for field in dataclasses.fields(Result))


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Write ``results.json`` atomically: ``{"format_version": 1, "results": [record, ...]}``, in the order given."""
    document = {"format_version": FORMAT_VERSION, "results": [result.to_record() for result in results]}
    # Not write_json: its sorted keys would lose the order of the classes.
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read_results(path: Path) -> list[Result]:
    """Read a file of :func:`write_results`.

    Raises:
        DataError: the file is missing, of another format version, or a record misses a field, has an unknown one or
            holds a value that :class:`Result` refuses.
    """
    document = read_json(path)
    if not isinstance(document, dict) or document.get("format_version") != FORMAT_VERSION:
        raise DataError(f"{path} is not a results file of format version {FORMAT_VERSION}; evaluate again to make one")
    records = document.get("results")
    if set(document) != {"format_version", "results"} or not isinstance(records, list):
        raise DataError(f"{path} must hold 'format_version' and a list 'results' and nothing else; evaluate again")
    return [_read_record(record, f"{path}, record {number}") for number, record in enumerate(records, start=1)]


def add_results(path: Path, results: Sequence[Result]) -> None:
    """Add to ``results.json`` (made when absent); a record of the same measurement is replaced where it stands.

    The same measurement is the same method, stage, dataset, split and seed, with or without the oracle's threshold. Of several processes that add at a time, each waits for
    its turn.
    """
    path = Path(path)
    with in_turn(path):
        kept = {result.identity(): result for result in (read_results(path) if path.exists() else [])}
        write_results(path, (kept | {result.identity(): result for result in results}).values())


def _read_record(record: object, where: str) -> Result:
    if not isinstance(record, dict):
        raise DataError(f"{where}: is not an object; evaluate again")
    record = {
        "tag_source": NOT_RECORDED,
        "ignored": 0.0,
        "kept_miou": None,
        "left_out": 0,
        "known_list": NONE,
        **record,
    }
    missing = [name for name in FIELD_NAMES if name not in record]
    unknown = sorted(set(record) - set(FIELD_NAMES))
    if missing or unknown:
        raise DataError(f"{where}: missing fields {missing}, unknown fields {unknown}; evaluate again")
    iou = record["class_iou"]
    if isinstance(iou, dict):
        record = record | {"class_iou": {name: math.nan if value is None else value for name, value in iou.items()}}
    try:
        return Result(**record)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _check_field(name: str, kind: str, value: object) -> None:
    """Check ``value`` against the annotation ``kind`` of its field; empty text and empty dictionaries are refused."""
    if not VALUE_CHECKS[kind](value):
        raise DataError(f"result field {name!r} is {value!r}; give a non-empty value of type {kind}")
