"""The golden cases of sod_wsss: inputs by the rules of the manifest, expected numbers and tolerances by case."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import torch

from tests.parity.fill import filled_state_dict
from tests.parity.sod_wsss_inputs import joined, made, takes_from_another

GOLDEN = Path(__file__).parent / "golden" / "sod_wsss"
CASES = {case["id"]: case for case in json.loads((GOLDEN / "manifest.json").read_text())["cases"]}
KEYS = json.loads(gzip.decompress((GOLDEN / "keys.json.gz").read_bytes()))


def cases(*beginnings):
    """Names of the cases that begin so."""
    return [name for name in CASES if name.startswith(beginnings)]


def cases_of_file(name):
    """Names of the cases whose numbers lie in ``name``.npz."""
    return [case for case, described in CASES.items() if described["file"] == f"{name}.npz"]


def args(case):
    return CASES[case].get("args", {})


def what(case):
    """What the manifest says in words of how a case is computed."""
    return CASES[case]["what"]


def expected(case):
    """The arrays of a case by their own names."""
    described = CASES[case]
    with np.load(GOLDEN / described["file"]) as stored:
        arrays = {array["key"].removeprefix(f"{case}/"): stored[array["key"]] for array in described["arrays"]}
    for array in described["arrays"]:
        values = arrays[array["key"].removeprefix(f"{case}/")]
        assert (str(values.dtype), list(values.shape)) == (array["dtype"], array["shape"]), array["key"]
    return arrays


# --- Inputs. ---


def given(case):
    """The inputs of a case, in the manifest's order.

    An entry that another one is made with (noise that is added) is in the list too. Entries of one map for each item
    of a batch (``gt<i>``) are N x 1 x H x W float32.
    """
    entries = CASES[case].get("inputs", [])
    batch = entries[0]["shape"][0] if entries else 0
    alone = {entry["name"]: made(entry, batch) for entry in entries if not takes_from_another(entry)}
    return [alone[entry["name"]] if entry["name"] in alone else joined(entry, alone) for entry in entries]


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def filled(net):
    """Published name -> tensor of a set of published tensors, by the manifest's rule.

    Raises:
        KeyError: There is no such set.
    """
    tensors = {}
    for name, value in filled_state_dict(KEYS[net]).items():
        # Keeps the activations of deep networks small; only networks on ResNeSt have such names.
        tensors[name] = torch.as_tensor(value) * (0.2 if name.endswith(".bn3.weight") else 1)
    return tensors


def net_of(case):
    """The set of published tensors that a case is computed with."""
    return CASES[case]["net"]


def part_of(text):
    """The first ``[:, ::4, 1::5]`` of a text as an index."""
    found = re.search(r"\[([\d:, ]*:[\d:, ]*)\]", text)
    assert found, f"no part is named in {text!r}"

    def position(part):
        bounds = [int(number) if number else None for number in part.split(":")]
        return slice(*bounds) if ":" in part else bounds[0]

    return tuple(position(part) for part in found[1].split(", "))


# --- Comparison. ---


def close(case, name, actual):
    """An array is as stored, of the same shape, at the manifest's tolerance.

    Labels that the manifest's note lets differ may differ as far as it says: one grey level, or a share of the pixels.
    """
    stored, tolerance = expected(case)[name], CASES[case]["tolerance"]
    values = np.asarray(actual.detach() if isinstance(actual, torch.Tensor) else actual)
    assert values.shape == stored.shape, f"{name}: {values.shape}, stored {stored.shape}"
    note = CASES[case].get("note", "")
    differing = re.search(r"allow ([\d.]+) % of pixels", note)
    if stored.dtype.kind in "ui" and name.startswith("argmax") and differing:
        share = (values != stored).mean()
        assert share <= float(differing[1]) / 100, f"{name}: {100 * share:.2f} % differ"
        return
    relative, absolute = tolerance["rtol"], tolerance["atol"]
    if stored.dtype.kind in "ui" and f"{name} may differ by 1" in note:
        absolute = max(absolute, 1)
    np.testing.assert_allclose(
        values.astype(np.float64), stored.astype(np.float64), rtol=relative, atol=absolute, err_msg=name
    )
