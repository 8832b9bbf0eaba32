"""Saliency maps of logits, and the salient object selector, against the stored numbers."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.data.classes import VOC_CLASSES
from common.data.images import read_saliency
from common.method.saliency import write_grey
from common.pseudo_labels.rule import Evidence
from sod_wsss.label_rules import SalientSelector, SelectorConfig, foreground_iou
from sod_wsss.saliency_stages import map_of_logits
from tests.parity.sod_wsss_cases import args, cases, cases_of_file, close, expected, given, tensor


@pytest.mark.parametrize("case", cases("saliency_postprocess"))
def test_a_map_of_logits_is_the_published_one(case, tmp_path):
    (logits,) = map(tensor, given(case))
    (saliency,) = map_of_logits(logits, tuple(args(case)["size_hw"]), min_max=True)
    close(case, "map", saliency)
    write_grey(tmp_path / "map.png", saliency.numpy())
    close(case, "png", read_saliency(tmp_path / "map.png"))


def selector_of(case):
    """The selector with a case's thresholds, over as many classes as the case may name."""
    settings = args(case)
    names = [*VOC_CLASSES, *(f"class {number}" for number in range(len(VOC_CLASSES) + 1, 255))]
    weak = [names[number - 1] for number in settings["weak_classes"]]
    return SalientSelector(
        SelectorConfig(least_iou=settings["t0"], weak_margin=settings["t1"], weak_classes=weak), names
    )


@pytest.mark.parametrize("case", cases_of_file("selector"))
def test_the_selected_label_map_is_the_stored_one(case):
    arrays, classes = expected(case), np.array(args(case)["image_classes"])
    label_map, salient = arrays["pseudo"], arrays["saliency"] > 0
    close(case, "iou", foreground_iou(salient, np.isin(label_map, classes)))
    cams = Cams(classes - 1, np.zeros((len(classes), *label_map.shape), np.float32))
    evidence = Evidence("a", cams, saliency=salient.astype(np.uint8) * 255, labels=(label_map,))
    close(case, "out", selector_of(case)(evidence))
