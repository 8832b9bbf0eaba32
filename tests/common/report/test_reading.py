from __future__ import annotations

import math

from common.report.reading import class_tables, missing_parts, read_against_reference
from common.report.table import build_tables


def test_the_best_method_is_read_against_the_marks_of_its_column(make_result):
    results = [
        make_result(method=name, miou=value)
        for name, value in (("CAM x saliency", 55.0), ("SGAN", 54.0), ("SMAF", 58.5), ("fully supervised", 70.0))
    ]
    assert read_against_reference(build_tables(results)[0]) == [
        "pseudo label (train): SMAF is best with 58.5, 3.5 above CAM x saliency, 11.5 below fully supervised."
    ]


def test_without_marks_or_without_methods_nothing_is_claimed(make_result):
    assert read_against_reference(build_tables([make_result(method="SGAN")])[0]) == []
    assert read_against_reference(build_tables([make_result(method="plain CAM")])[0]) == []


def test_class_values_are_means_over_seeds_and_absent_classes_stay_absent(make_result):
    iou = {"background": 60.0, "ring": 40.0, "disc": math.nan}
    (table,) = build_tables([make_result(), make_result(seed=1, class_iou=iou)])
    (classes,) = class_tables(table)
    assert classes.methods == ("plain CAM",)
    assert dict(classes.rows)["background"] == (70.0,)
    assert math.isnan(dict(classes.rows)["disc"][0])


def test_every_missing_part_is_said(make_result):
    said = missing_parts(build_tables([make_result()]), has_examples=False, has_curves=False)
    assert "toy: no number for DeepLab-v2 + CRF (val)." in said
    assert "toy: no row fully supervised (ceiling)." in said
    assert "No example images were given." in said
    assert "No training log was given, so there are no curves." in said
