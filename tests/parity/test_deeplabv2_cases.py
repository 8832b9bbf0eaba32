"""No golden case of the DeepLab-v2 trainer is left out."""

from collections import Counter

from tests.parity import deeplabv2_cases
from tests.parity.deeplabv2_cases import CASES


def test_every_open_case_is_in_exactly_one_list_of_checked_cases():
    lists = (value for value in vars(deeplabv2_cases).values() if isinstance(value, list))
    assert Counter(case for cases in lists for case in cases) == dict.fromkeys(CASES, 1)
