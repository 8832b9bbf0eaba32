"""Bring label maps of COCO from its category ids (1..90 with gaps, as coco2voc writes them) to labels 1..80 in a row.

    python -m common.data.coco_labels data/coco14/SegmentationClass data/coco14/SegmentationClass80

Both numberings are met with: 12 is the stop sign in one and nothing at all in the other. Images, names and sizes stay as they are.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.data.agreement import COCO_IDS
from common.data.images import read_label_map
from common.data.palette import IGNORE_LABEL, write_label_map
from common.errors import DataError, run_command


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m common.data.coco_labels", description="Write COCO's label maps with labels 1..80."
    )
    parser.add_argument("masks", type=Path, help="folder of label maps in COCO's category ids, 1..90")
    parser.add_argument("out", type=Path, help="folder for the label maps with labels 1..80")
    arguments = parser.parse_args(argv)
    print(f"{rewrite_folder(arguments.masks, arguments.out)} label maps written to {arguments.out}")


def rewrite_folder(masks: Path, out: Path) -> int:
    """Rewrite every PNG below ``masks``; returns how many.

    Raises:
        DataError: there is none, ``out`` is the same folder, or a map holds a number that is no category of COCO.
    """
    paths = sorted(masks.rglob("*.png"))
    if not paths:
        raise DataError(f"{masks} holds no label maps (*.png).")
    if out.resolve() == masks.resolve():
        raise DataError(f"{out} holds the label maps that are read; give another folder.")
    for path in paths:
        target = out / path.relative_to(masks)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            write_label_map(target, labels_in_a_row(read_label_map(path)))
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
    return len(paths)


def labels_in_a_row(label_map: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Category ids (uint8 H x W: 0, 1..90 with gaps, 255) as labels (0, 1..80, 255).

    Raises:
        DataError: another value occurs.
    """
    # 256 stands for what has no label.
    table = np.full(256, 256, np.int64)
    table[[0, *COCO_IDS, IGNORE_LABEL]] = [0, *range(1, len(COCO_IDS) + 1), IGNORE_LABEL]
    labels = table[label_map]
    if (labels == 256).any():
        wrong = int(label_map[labels == 256][0])
        raise DataError(
            f"it holds {wrong}, which is no category id of COCO (1..90 with gaps); the map has another numbering"
        )
    return labels.astype(np.uint8)


if __name__ == "__main__":
    run_command(main)
