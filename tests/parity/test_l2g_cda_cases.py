"""No golden case of L2G + CDA is left out."""

import re

from tests.parity.collected import collected_names
from tests.parity.l2g_cda_cases import CASES


def test_every_open_case_is_named_by_a_test():
    parts = {part for name in collected_names("test_l2g_cda_*.py") for part in re.split(r"[\[\]-]", name)}
    assert set(CASES) - parts == set()
