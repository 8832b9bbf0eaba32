"""Names of labels, for pictures."""

from __future__ import annotations

from pathlib import Path

from common.data.classes import read_class_names
from common.data.presets import CLASSES_FILE, PRESETS
from common.data.textfile import read_lines
from common.errors import DataError
from common.metrics.selection import BACKGROUND
from deeplabv2.settings import UNSUPPORTED_DATASETS, DeepLabConfig


def label_names(config: DeepLabConfig) -> list[str]:
    """One name per label, background first: from DATASET.LABELS, else those of the dataset; ``label 7`` where there is
    none. (Label 0 of COCO-Stuff is a class.)

    Raises:
        DataError: DATASET.LABELS does not exist or is no label file.
    """
    count = config.DATASET.N_CLASSES
    names = [f"label {label}" for label in range(count)]
    if config.DATASET.NAME not in UNSUPPORTED_DATASETS:
        names[0] = BACKGROUND
    if config.DATASET.LABELS:
        for label, name in read_label_file(Path(config.DATASET.LABELS)).items():
            if label < count:
                names[label] = name
        return names
    classes = class_names(config)
    return [BACKGROUND, *classes] if len(classes) + 1 == count else names


def class_names(config: DeepLabConfig) -> tuple[str, ...]:
    """The class names of the dataset, empty if it is not there to be asked."""
    if config.DATASET.NAME in UNSUPPORTED_DATASETS:
        return ()
    data = config.data
    known, file = PRESETS[data.dataset].classes, Path(data.root) / CLASSES_FILE
    return known or (read_class_names(file) if file.is_file() else ())


def read_label_file(path: Path) -> dict[int, str]:
    """Label number -> first name, of lines ``number<tab>name[, other name ...]`` (deeplabv2 spec, section 6).

    Raises:
        DataError: the file is missing, or a line is of another form.
    """
    names = {}
    for number, line in read_lines(path):
        label, _, text = line.partition("\t")
        if not label.strip().isdecimal() or not text.strip():
            raise DataError(f"{path} line {number}: {line!r} is not a number, a tab and a name; correct DATASET.LABELS")
        names[int(label)] = text.split(",")[0].strip()
    return names
