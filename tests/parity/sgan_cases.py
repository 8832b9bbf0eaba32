"""The golden cases of SGAN: inputs by the rules of the manifest, expected numbers by case."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from sgan.backbone import SganVGG16
from sgan.network import SGAN
from tests.parity.fill import filled_input, filled_state_dict

GOLDEN = Path(__file__).parent / "golden" / "sgan"
CASES = {case["id"]: case for case in json.loads((GOLDEN / "manifest.json").read_text())["cases"]}
KEYS = json.loads((GOLDEN / "keys.json").read_text())


def cases(file, *beginnings):
    """The cases whose numbers lie in ``file`` and whose name starts with one of ``beginnings``."""
    return [name for name, case in CASES.items() if case["file"] == file and name.startswith(beginnings)]


def expected(case):
    """The arrays of a case, by their name without the case's."""
    stored = np.load(GOLDEN / CASES[case]["file"])
    return {key.removeprefix(f"{case}/"): stored[key] for key in stored.files if key.startswith(f"{case}/")}


def stored_part(text):
    """The part of an array that is stored: "full", or its slices as text, e.g. "[:, ::32]"."""
    if text == "full":
        return np.s_[:]
    steps = [axis.rpartition("::")[2].strip() for axis in text.strip("[]").split(",")]
    return tuple(slice(None, None, int(step)) if step.isdecimal() else slice(None) for step in steps)


def salient_mask(name, shape, mode="rand"):
    """The masks of the network cases, uint8 n x h x w."""
    if mode in ("none", "full"):
        mask = np.full(shape, mode == "full", np.uint8)
    else:
        mask = filled_input(f"{name}:mask", shape, 0, 2).astype(np.uint8)
    inner = np.zeros(shape, np.uint8)
    inner[:, 1:-1, 1:-1] = mask[:, 1:-1, 1:-1]
    return torch.from_numpy(inner)


@lru_cache(maxsize=1)
def filled_state():
    return {key: torch.from_numpy(value) for key, value in filled_state_dict(KEYS["sgan_vgg16"]).items()}


def filled_network(dense=False):
    """The published network with the manifest's weights, in eval mode."""
    network = SGAN(SganVGG16(), dense=dense)
    network.load_state_dict(filled_state())
    return network.eval()


def assert_close(actual, wanted, tolerance):
    """``numpy.allclose`` with ``atol`` given, or relative to the largest expected value."""
    atol = tolerance.get("atol", tolerance.get("atol_rel_to_max", 0) * np.abs(wanted).max())
    np.testing.assert_allclose(actual, wanted, rtol=tolerance["rtol"], atol=atol)
