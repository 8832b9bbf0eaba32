#!/usr/bin/env bash
# The saliency measures of pysodmetrics at the ends of their ranges.
#
# Guess, written before running: a map equal to its mask scores MAE 0 and S, F and E 1, whatever the object; a black map of an image with an
# object scores F 0; a mask stored as 0 and 1 is the same as one of 0 and 255, or is refused.
#
# Found (pysodmetrics 1.6.2, numpy 2.3.4):
# - the E-measure of a perfect map is above 1 (1.003 for 20 x 20 pixels: the sum is divided by the number of pixels less one), and of a black
#   map of a black mask it is 0 at the adaptive threshold and 1.003 at the best;
# - a black map of an object that fills half of the image has an adaptive F of 0.565: twice its mean is 0, which every pixel reaches;
# - every map is stretched to 0..1 first: a map of 128 throughout has MAE 0.502 against a black mask, with one pixel of 129 it has 0.003;
# - a mask of 0 and 1 is an empty one, without a word: the perfect map then scores MAE 0.5 and F 0.
# Networks that find nothing, and datasets whose masks are label maps, therefore score otherwise than one reads; means over a dataset hide it.
#
# Run: bash findings/saliency_measures.sh      (fails if any of this changes)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pysodmetrics==1.6.2 numpy==2.3.4 opencv-python-headless==4.14.0.94
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import py_sod_metrics as sod

warnings.simplefilter("ignore")


def scores(predicted, mask):
    """MAE, S, adaptive F, adaptive E and greatest E of one 8-bit map against one mask."""
    mae, s, f, e = sod.MAE(), sod.Smeasure(), sod.Fmeasure(), sod.Emeasure()
    for measure in (mae, s, f, e):
        measure.step(pred=predicted, gt=mask)
    found = (
        mae.get_results()["mae"],
        s.get_results()["sm"],
        f.get_results()["fm"]["adp"],
        e.get_results()["em"]["adp"],
        e.get_results()["em"]["curve"].max(),
    )
    return tuple(round(float(value), 3) for value in found)


half = np.zeros((20, 20), np.uint8)
half[:, :10] = 255
black = np.zeros_like(half)
grey = np.full_like(half, 128)
lighter = grey.copy()
lighter[0, 0] = 129
found = {
    "its mask": scores(half, half),
    "black": scores(black, half),
    "black of a black mask": scores(black, black),
    "grey of a black mask": scores(grey, black),
    "grey of a black mask, one pixel lighter": scores(lighter, black),
    "mask of 0 and 1": scores(half, half // 255),
}
print("                                              MAE    S    F    E    max E")
for name, values in found.items():
    print(f"{name:45}", *values)
expected = {
    "its mask": (0.0, 1.0, 1.0, 1.003, 1.003),
    "black": (0.5, 0.375, 0.565, 0.251, 0.251),
    "black of a black mask": (0.0, 1.0, 0.0, 0.0, 1.003),
    "grey of a black mask": (0.502, 0.498, 0.0, 1.003, 1.003),
    "grey of a black mask, one pixel lighter": (0.003, 0.998, 0.0, 1.0, 1.0),
    "mask of 0 and 1": (0.5, 0.5, 0.0, 0.501, 0.501),
}
assert found == expected, f"this has changed: {found}"
PYTHON
