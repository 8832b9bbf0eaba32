"""Class names in the order of their label numbers; the background (label 0) is never listed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.data.class_forms import refuse_reserved
from common.data.class_tables import class_names_of_file
from common.errors import DataError

# Labels are 8-bit: 0 is the background and 255 is "ignore", which leaves 1..254.
MAX_CLASSES = 254

VOC_CLASSES: tuple[str, ...] = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)

# fmt: off
COCO_CLASSES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear",
    "hair drier", "toothbrush",
)
# fmt: on


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the class names of a file, in label order (the first name is label 1): one per line, or as annotation tools write
    them (:mod:`common.data.class_forms`, :mod:`common.data.class_tables`).

    Raises:
        DataError: the file is missing, empty or of no known form, names a class twice, lists the background or pixels to
            ignore, or has over 254 names; the message names the line.
    """
    path = Path(path)
    names = class_names_of_file(path)
    check_class_names(names, path)
    return names


def check_class_names(names: Sequence[str], path: Path) -> None:
    """Raise :class:`DataError` (naming ``path``) unless ``names`` can be the classes of a dataset."""
    if not names:
        raise DataError(f"{path} holds no class names; write one name per line, without the background.")
    if len(names) > MAX_CLASSES:
        raise DataError(f"{path} has {len(names)} classes; an 8-bit label map holds at most {MAX_CLASSES}.")
    for name in names:
        refuse_reserved(name, lambda why: DataError(f"{path}: {why}."))


def name_classes(classes: Sequence[str], limit: int = 20) -> str:
    """``classes`` as readable text for a message, shortened after ``limit`` names."""
    text = ", ".join(classes[:limit])
    return text if len(classes) <= limit else f"{text}, ... ({len(classes)} in all)"
