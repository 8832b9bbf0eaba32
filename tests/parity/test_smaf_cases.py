"""No golden case of EPS and SMAF is left out."""

import re

from tests.parity.collected import collected_names
from tests.parity.smaf_cases import CASES


def test_every_open_case_is_named_by_a_test():
    # Names of cases hold a "-" too.
    named = {found[1] for name in collected_names("test_smaf_*.py") if (found := re.search(r"\[(.*)\]", name))}
    assert set(CASES) - named == set()
