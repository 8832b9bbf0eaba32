"""What the segmentation network learns from where there are true masks: these, in the place of pseudo labels, which stay as they are.

It lies in a folder of its own, beside the results; every other set of true masks has another such folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from common.engine.contents import text_fingerprint
from common.failures import FAILED_FILE, STAGE_FILE, read_failures
from common.files import atomic_write, write_json
from common.method.maps import record_of
from common.own.true_masks import TrueMasks
from common.paths import path_of_id

# In the folder of the results.
LEARNED_FROM = "labels"
# Beginning of the name of a folder of results; a digest follows.
WITH_TRUE_MASKS = "with_true_masks_"


def labels_with_true_masks(true: TrueMasks, labels: Path, ids: Sequence[str], out: Path) -> Path:
    """The folder of what the network learns from: pseudo labels, and true masks in the place of theirs.

    Args:
        labels: the pseudo labels <id>.png, which stay as they are.
        ids: the images that are trained on.
        out: where ``with_true_masks_<digest>/labels`` goes; the digest is of true masks and pseudo labels.
    """
    record = record_of(labels)
    digest = text_fingerprint([true.digest, json.dumps(record, sort_keys=True)])
    folder = out / f"{WITH_TRUE_MASKS}{digest}" / LEARNED_FROM
    used = [one for one in ids if one in set(true.ids)]
    failed = {one: why for one, why in read_failures(labels).items() if one not in used}
    for image_id in ids:
        source = true.file(image_id) if image_id in used else path_of_id(labels, image_id, ".png")
        target = path_of_id(folder, image_id, ".png")
        if source.is_file() and not target.is_file():
            copy_file(source, target)
    if failed:
        write_json(folder / FAILED_FILE, failed)
    given = {"source": str(true.source), "form": true.form, "digest": true.digest, "ids": used}
    write_json(folder / STAGE_FILE, {**record, "true_masks": given})
    return folder


def copy_file(source: Path, target: Path) -> None:
    content = source.read_bytes()
    atomic_write(target, lambda file: file.write(content))
