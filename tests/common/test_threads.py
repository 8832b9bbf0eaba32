"""How long OpenMP's threads wait awake is said before torch is loaded, unless the user has said it."""

import os
import subprocess
import sys

import pytest

SAID = "import common, os; print(os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "passive"}, "None")],
    ids=["nothing said", "count said", "policy said"],
)
def test_what_the_user_says_stays(given, expected):
    kept = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", SAID], env=kept | given, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
