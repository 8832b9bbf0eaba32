"""Initial and refined labels, and the colours of their files, equal the published ones."""

import numpy as np
import pytest

from common.cam.files import Cams
from common.data.palette import voc_palette
from common.pseudo_labels.refinement import refined_evidence
from common.pseudo_labels.rule import Evidence
from i2crc.labels import InitialLabelConfig, InitialLabels, initial_label
from tests.parity.i2crc_cases import args, cases, check, expected, given_by_role


def attention_of(case):
    """Saliency, classes that have a map and their maps K x H x W."""
    maps = given_by_role(case)
    saliency = maps.pop("saliency")
    by_class = {int(role.removeprefix("attention_")): one for role, one in maps.items()}
    assert set(by_class) == set(args(case)["labels"]) - set(args(case)["attention_file_missing_for"])
    keys = np.array(sorted(by_class), int)
    return saliency, keys, np.stack([by_class[key] for key in keys]) if len(keys) else np.zeros((0, *saliency.shape))


@pytest.mark.parametrize("case", cases("gen_gt"))
def test_initial_label(case):
    check(case, {"label": initial_label(*attention_of(case))})


@pytest.mark.parametrize("case", cases("gen_gt"))
def test_initial_label_as_a_rule_of_the_label_stage(case):
    saliency, keys, maps = attention_of(case)
    cams = Cams(keys, maps.astype(np.float32) / np.float32(255))
    check(case, {"label": InitialLabels(InitialLabelConfig(), True)(Evidence(case, cams, saliency=saliency))})


@pytest.mark.parametrize("case", cases("refine"))
def test_refined_label(case):
    maps, keys = given_by_role(case), np.array(args(case)["labels"], int)
    cams = Cams(keys, np.zeros((len(keys), 1, 1), np.float32))
    refined = refined_evidence(Evidence(case, cams, labels=(maps["initial"], maps["prediction"])))
    check(case, {"label": refined})


@pytest.mark.parametrize("case", cases("palette"))
def test_colours_of_label_files(case):
    check(case, {"rgb": voc_palette()[: len(expected(case)["rgb"])].astype(int)})
