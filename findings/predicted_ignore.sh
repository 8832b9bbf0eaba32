#!/usr/bin/env bash
# Pseudo labels that hold the ignore label 255, scored with torchmetrics over the 21 labels of PASCAL VOC.
#
# Guess, written before running: with ignore_index=255 pixels whose truth is 255 are left out; a prediction of 255 elsewhere is refused by the
# check of arguments, or is a miss of its true class and counts for no other.
#
# Found (torchmetrics 1.9.0, torch 2.9.1, CPU), with the check of arguments on and off alike:
# - a background pixel predicted as 255 is counted as a pixel of truth 12 (dog) that was predicted as 3 (bird): the pair (0, 255) and the pair
#   (12, 3) have the same number 0 * 21 + 255 = 12 * 21 + 3 in its table of pairs;
# - so background loses a pixel of its truth, dog gains one, and bird gains a false one: of 100 background pixels of which 10 are predicted as 255,
#   and 10 pixels of dog all right, background has IoU 1.0 and dog 0.5, where 0.9 and 1.0 are right;
# - other classes run into other pairs: a cat pixel (8) predicted as 255 becomes truth 20 predicted as 3.
# Pseudo labels with unsure pixels have to be scored otherwise, or their 255 be given a class of its own before.
#
# Run: bash findings/predicted_ignore.sh      (fails if any of this changes)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torchmetrics==1.9.0 torch==2.9.1 numpy==2.3.4
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

DOG, BIRD, CAT, MONITOR, UNSURE = 12, 3, 8, 20, 255


def filed_as(truth, checked):
    """Where one pixel of a true class, predicted as 255, is counted: (truth, prediction)."""
    table = MulticlassConfusionMatrix(21, ignore_index=UNSURE, validate_args=checked)
    place = int(table(torch.tensor([[UNSURE]]), torch.tensor([[truth]])).argmax())
    return divmod(place, 21)


def iou(checked):
    truth = torch.tensor([[0] * 100 + [DOG] * 10])
    prediction = truth.clone()
    prediction[0, :10] = UNSURE
    scores = MulticlassJaccardIndex(21, ignore_index=UNSURE, average=None, validate_args=checked)(prediction, truth)
    return round(float(scores[0]), 3), round(float(scores[DOG]), 3)


found = {
    "background": [filed_as(0, checked) for checked in (True, False)],
    "cat": [filed_as(CAT, checked) for checked in (True, False)],
    "IoU of background and dog": [iou(checked) for checked in (True, False)],
}
for name, values in found.items():
    print(f"{name:26}", *values)
assert found == {
    "background": [(DOG, BIRD)] * 2,
    "cat": [(MONITOR, BIRD)] * 2,
    "IoU of background and dog": [(1.0, 0.5)] * 2,
}, "this has changed"
print("as found before")
PYTHON
