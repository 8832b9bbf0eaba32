"""No golden case of I2CRC is left out."""

import re

from tests.parity.collected import collected_names
from tests.parity.i2crc_cases import CASES


def test_every_open_case_is_named_by_a_test():
    named = {found[1] for name in collected_names("test_i2crc_*.py") if (found := re.search(r"\[(.*)\]", name))}
    assert set(CASES) - named == set()
