"""No golden case of sod_wsss is left out, and its inputs are what the manifest says."""

import re

import numpy as np
import pytest

from tests.parity.collected import collected_names
from tests.parity.sod_wsss_cases import CASES, KEYS, filled, given
from tests.parity.sod_wsss_inputs import changed, joined


def test_every_open_case_is_named_by_a_test():
    ids = [found[1] for name in collected_names("test_sod_wsss_*.py") if (found := re.search(r"\[(.*)\]", name))]
    named = {part for one in ids for part in one.split("-")}
    assert set(CASES) - named == set()


def test_every_rule_of_the_manifest_is_known():
    for case, described in CASES.items():
        assert len(given(case)) == len(described.get("inputs", []))


def test_an_unknown_rule_is_an_error():
    with pytest.raises(AssertionError, match="no rule for 'turned'"):
        changed(np.zeros(3), "turned")


def test_a_label_is_replaced_where_the_noise_says_so():
    described = {"name": "a", "shape": [2, 2], "low": 0, "high": 2}
    described["rule"] = "each cell repeated 2x, rolled by (1, 0) along (y, x), then replaced by b wherever b < 2"
    noise = np.array([[5, 5, 0, 1]] * 4)
    made = joined(described, {"b7": noise})
    untouched = joined(described, {"b7": np.full((4, 4), 9)})
    np.testing.assert_array_equal(made[:, 2:], noise[:, 2:])
    np.testing.assert_array_equal(made[:, :2], untouched[:, :2])


def test_the_scale_of_the_last_normalisation_of_a_block_is_small():
    tensors = filled("deeplabv3plus_resnest101_gn")
    assert tensors.keys() == KEYS["deeplabv3plus_resnest101_gn"].keys()
    small = [value.mean() for name, value in tensors.items() if name.endswith(".bn3.weight")]
    assert max(small) < 0.3 < min(tensors[name].mean() for name in tensors if name.endswith(".bn1.weight"))
