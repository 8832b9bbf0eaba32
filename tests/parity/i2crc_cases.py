"""The golden cases of I2CRC: inputs by the rules of the manifest, expected numbers and tolerances by case."""

import gzip
import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from common.models.backbones import BackboneConfig
from deeplabv2.networks.registry import bare_network
from deeplabv2.networks.settings import NetworkConfig
from i2crc.network import build_classifier
from tests.parity.fill import filled_state_dict
from tests.parity.i2crc_inputs import array_type, made, role_of

GOLDEN = Path(__file__).parent / "golden" / "i2crc"
CASES = {case["case"]: case for case in json.loads((GOLDEN / "manifest.json").read_text())["cases"]}
KEYS = json.loads(gzip.decompress((GOLDEN / "keys.json.gz").read_bytes()))
CLASSIFIER, SEGMENTATION = "vgg_cam", "deeplabv2_resnet101_msc"


def cases(*beginnings):
    """Names of the cases that begin so."""
    return [name for name in CASES if name.startswith(beginnings)]


def args(case):
    return CASES[case]["args"]


def what(case):
    """What the manifest says in words of how a case is computed."""
    return CASES[case]["what"]


def numbers_in(pattern, text):
    """The numbers of the first group that a pattern finds."""
    return [float(number) for number in re.findall(r"[\d.]+(?:e-?\d+)?", re.search(pattern, text)[1])]


def array_notes(case):
    """Array -> what the manifest says of it: type, shape, and in words which part is stored."""
    return {name.removeprefix(f"{case}/"): text for name, text in CASES[case]["arrays"].items()}


def expected(case):
    """The arrays of a case by their own names."""
    with np.load(GOLDEN / CASES[case]["file"]) as stored:
        arrays = {name: stored[f"{case}/{name}"] for name in array_notes(case)}
    for name, text in array_notes(case).items():
        assert (arrays[name].dtype, arrays[name].shape) == array_type(text), name
    return arrays


# --- Inputs. ---


def given(case):
    """The inputs of a case, in the manifest's order."""
    return [made(described) for described in CASES[case]["inputs"]]


def given_by_role(case):
    """Role -> input, of a case whose rules name them: ``saliency: uint8``."""
    return {role_of(described): made(described) for described in CASES[case]["inputs"]}


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def tags_of(labels, n_classes):
    """Tags N x C of lists of class numbers."""
    tags = torch.zeros(len(labels), n_classes)
    for image, classes in enumerate(labels):
        tags[image, classes] = 1
    return tags


class OneImage:
    """Stands for the images of a list: it has one, uint8 H x W x 3, and its tags (C)."""

    def __init__(self, image, tags):
        self.image, self.tags = image, tags

    def read(self, image_id):
        return {"id": image_id, "image": self.image, "tags": self.tags}


# --- Networks. ---


def empty_network(net):
    """The network of a set of published tensors, without values."""
    shapes = KEYS[net]
    with torch.device("meta"):
        if net == CLASSIFIER:
            backbone = BackboneConfig(name="vgg16", output_stride=8)
            return build_classifier(backbone, shapes["extra_convs.6.weight"][0])
        n_labels = shapes["base.classifier.conv2d_list.0.weight"][0]
        return bare_network(NetworkConfig("I2CRC_ResNet101_MSC", n_labels))


def name_here(name):
    return "backbone." + name if name.startswith("features.") else name


def filled_network(net):
    """The network with the manifest's weights, in eval mode; to be changed."""
    network = empty_network(net)
    state = {name_here(name): torch.as_tensor(value) for name, value in filled_state_dict(KEYS[net]).items()}
    network.load_state_dict(state, assign=True)
    return network.eval()


@lru_cache(maxsize=1)
def shared_network(net):
    """As :func:`filled_network`, shared between tests: do not change it."""
    return filled_network(net)


# --- Comparison. ---

# Part of an array's name -> how the manifest's tolerances name its kind; others are of the first clause.
KINDS = (
    ("argmax", "argmax"),
    ("norms", "norms"),
    ("grad", "gradients"),
    ("att_", "attention"),
    ("running", "running stats"),
    ("label", "label"),
    ("logit", "logit"),
    ("prob", "probabilities"),
)


def check(case, computed, noise=None):
    """Every stored array of a case is computed, and equal at its tolerance.

    Arrays of which a part is stored may be given whole.

    Args:
        noise: array -> rounding error of its numbers whatever their size, where they may lie near 0.
    """
    wanted, noise = expected(case), noise or {}
    assert set(wanted) == set(computed)
    for name, stored in wanted.items():
        values = computed[name]
        actual = np.asarray(values.detach() if isinstance(values, torch.Tensor) else values)
        actual = stored_part(actual, array_notes(case)[name], stored.shape)
        assert actual.shape == stored.shape, f"{name}: {actual.shape}, stored {stored.shape}"
        agree(name, actual, stored, tolerance_of(case, name), noise.get(name, 0.0))


def stored_part(values, text, shape):
    """``values`` at the positions that the note of an array names: ``cam[:, ::3, 1::5]``; or as they are."""
    found = re.search(r"\[([\d:, ]*:[\d:, ]*)\]", text)
    if values.shape == shape or not found:
        return values

    def position(part):
        bounds = [int(number) if number else None for number in part.split(":")]
        return slice(*bounds) if ":" in part else bounds[0]

    return values[tuple(position(part) for part in found[1].split(", "))]


def tolerance_of(case, name):
    """The clause of a tolerance that is about an array; its own note goes first."""
    own = re.search(r"rtol [\d.e-]+", array_notes(case)[name])
    if own:
        return own[0]
    clauses = CASES[case]["tolerance"].split("; ")
    kind = next((words for part, words in KINDS if part in name), "")
    found = next((clause for clause in clauses if kind in clause), None)
    if not found and len(clauses) > 1 and kind == "logit":
        return CASES[cases("vgg_forward")[0]]["tolerance"]
    return found or clauses[0]


def agree(name, actual, stored, tolerance, noise=0.0):
    """Two arrays are equal as a tolerance says in words."""
    if "equal on" in tolerance:
        least = float(re.search(r">= ([\d.]+)%", tolerance)[1]) / 100
        share = (actual == stored).mean()
        assert share >= least, f"{name}: {100 * share:.2f} % are equal"
    elif "grey level" in tolerance and "atol" not in tolerance:
        difference = np.abs(actual.astype(int) - stored.astype(int))
        assert difference.max(initial=0) <= (2 if "2 " in tolerance else 1), name
        assert (difference > 1).mean() < 0.01, name
    elif stored.dtype.kind in "ui" or tolerance == "exact":
        # The precision of what is compared is ours; that of the published numbers may be double.
        np.testing.assert_array_equal(actual, stored.astype(actual.dtype, casting="same_kind"), err_msg=name)
    elif "max" in tolerance:
        share = float(re.search(r"[\d.]+e-\d+", tolerance)[0])
        close(name, actual, stored, 0, share * np.abs(stored).max(initial=0))
    else:
        close(name, actual, stored, bound("rtol", tolerance), max(bound("atol", tolerance), noise))


def bound(kind, tolerance):
    found = re.search(rf"{kind} ([\d.]+(?:e-\d+)?)", tolerance)
    return float(found[1]) if found else 0.0


def close(name, actual, stored, relative, absolute):
    values, wanted = actual.astype(np.float64), stored.astype(np.float64)
    np.testing.assert_allclose(values, wanted, rtol=relative, atol=absolute, err_msg=name)
