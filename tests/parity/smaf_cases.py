"""The golden cases of EPS and SMAF: inputs by the rules of the manifest, expected numbers by case."""

import gzip
import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from common.models.base import Backbone
from smaf.network import ScoreNetwork, build_network, name_here
from smaf.settings import SmafSettings
from tests.parity.fill import filled_input, filled_state_dict

GOLDEN = Path(__file__).parent / "golden" / "smaf"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
CASES, FACTS = MANIFEST["cases"], MANIFEST["facts"]
KEYS = json.loads(gzip.decompress((GOLDEN / "keys.json.gz").read_bytes()))


def cases(*beginnings):
    """Names of the cases that begin so, by the networks they need."""
    found = [name for name in CASES if name.startswith(beginnings)]
    return sorted(found, key=lambda name: CASES[name].get("weights") or "")


def args(case):
    return CASES[case].get("args", {})


def text_of(case):
    """Everything that the manifest says about a case in words."""
    described = CASES[case]
    return json.dumps([described.get(name, "") for name in ("weights", "notes", "inputs", "mode", "args")])


def expected(case):
    """The arrays of a case by their own names."""
    with np.load(GOLDEN / CASES[case]["file"]) as stored:
        return {name: stored[f"{case}.{name}"] for name in CASES[case]["arrays"]}


# --- Inputs. ---


def value(name, shape, rule=""):
    """The numbers of a name, by a rule of the manifest."""
    shape = tuple(shape)
    if rule.startswith("unit"):
        return (filled_input(name, shape, 0, 256) / 255).astype(np.float32)
    if bounds := re.search(r"ints (\d+)\.\.(\d+)", rule):
        return filled_input(name, shape, int(bounds[1]), int(bounds[2]) + 1)
    noise = filled_input(name, shape)
    factor = re.search(r"filled_input \* ([\d.]+)", rule)
    noise = noise * np.float32(factor[1]) if factor else noise
    return np.abs(noise) if "abs(" in rule else noise


def entry(case, ending=""):
    """Full name and description of the input whose name ends so; an entry may stand for two names."""
    found = [
        (name, described)
        for described in CASES[case]["inputs"]
        for name in described.get("name", "").split(" / ")
        if name.endswith(ending)
    ]
    assert len(found) == 1, f"{case}: {len(found)} inputs end in {ending!r}"
    return found[0]


def given(case, ending="", shape=None):
    """The input whose name ends so, as an array."""
    name, described = entry(case, ending)
    return value(name, shape or described["shape"], described.get("rule", ""))


def picture(case, ending, height, width):
    """An input of the rule ``blocky``, uint8 H x W x C."""
    name, described = entry(case, ending)
    channels, block = map(int, re.search(r"blocky\(name,h,w,(\d+),(\d+)\)", described["rule"]).groups())
    return blocky(name, height, width, channels, block)


def blocky(name, height, width, channels, block):
    small = filled_input(name, (-(-height // block), -(-width // block), channels), 0, 256).astype(np.uint8)
    return small.repeat(block, 0).repeat(block, 1)[:height, :width]


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def tags_of(indices, n_classes):
    """Tags N x C of lists of class numbers."""
    tags = torch.zeros(len(indices), n_classes)
    for image, classes in enumerate(indices):
        tags[image, classes] = 1
    return tags


# --- Networks. ---


def head_of(weights):
    """The head of a set of published tensors."""
    if "cov_feat.weight" in KEYS[weights]:
        return "projection"
    return "cls" if "_cls_" in weights else "plain"


def network_of(weights, n_maps):
    """The network without memory for its tensors."""
    head = head_of(weights)
    with torch.device("meta"):
        return build_network(SmafSettings().backbone, n_maps - (head != "cls"), head)


def number_of_maps(case, weights):
    """As the case says in words, or its arrays; else that of the published network."""
    said = re.search(r"fc8\.weight\W+(?:of shape |is )?[\[(](\d+)", text_of(case))
    arrays = CASES[case]["arrays"]
    by_array = [arrays[name]["shape"][axis] for name, axis in (("cam", 1), ("fc8_change", 0)) if name in arrays]
    return int(said[1]) if said else (by_array or [KEYS[weights]["fc8.weight"][0]])[0]


def network_with_weights(case):
    """The network of a case with the manifest's weights, in eval mode; to be changed."""
    described = CASES[case]["weights"]
    weights = re.match(r"\w+", described)[0]
    n_maps = number_of_maps(case, weights)
    return filled(weights, n_maps, factor_of_maps(described))


@lru_cache(maxsize=1)
def shared_network(weights, n_maps, factor):
    return filled(weights, n_maps, factor)


def network_for(case):
    """As :func:`network_with_weights`, shared between tests: do not change it."""
    described = CASES[case]["weights"]
    weights = re.match(r"\w+", described)[0]
    return shared_network(weights, number_of_maps(case, weights), factor_of_maps(described))


def factor_of_maps(described):
    factor = re.search(r"fc8\.weight (?:\*|multiplied by) ([\d.]+)", described)
    return float(factor[1]) if factor else 1.0


def filled(weights, n_maps, factor):
    shapes = KEYS[weights]
    state = filled_state_dict(shapes | {"fc8.weight": [n_maps, *shapes["fc8.weight"][1:]]})
    state["fc8.weight"] *= np.float32(factor)
    network = network_of(weights, n_maps)
    network.load_state_dict({name_here(name): torch.as_tensor(array) for name, array in state.items()}, assign=True)
    return network.eval()


class GivenMaps(Backbone):
    """``image -> maps``: a look-up in place of a network.

    Args:
        of_image: (image, maps) pairs, 3 x H x W and K x h x w.
    """

    def __init__(self, of_image):
        super().__init__()
        self.of_image = of_image
        self.out_channels = len(of_image[0][1])

    @property
    def stages(self):
        return []

    def forward(self, images):
        return torch.stack([self.maps_of(image) for image in images])

    def maps_of(self, image):
        return next(maps for known, maps in self.of_image if torch.equal(known, image))


def network_that_gives(of_image):
    """EPS's network whose maps (before the softmax) are given; see :class:`GivenMaps`."""
    backbone = GivenMaps(of_image)
    network = ScoreNetwork(backbone, backbone.out_channels - 1, "plain")
    network.head.fc8.weight.data = torch.eye(backbone.out_channels)[:, :, None, None]
    return network.eval()


# --- Comparison. ---


def check(case, computed):
    """Every stored array of a case is computed, and equal at its tolerance."""
    wanted = expected(case)
    assert set(wanted) == set(computed)
    for name, stored in wanted.items():
        agree(case, name, computed[name], stored)


def agree(case, name, computed, stored):
    """One array equals the stored one at the case's tolerance."""
    tolerance = CASES[case]["tolerance"]
    own = tolerance.get(name, tolerance)
    actual = np.asarray(computed.detach() if isinstance(computed, torch.Tensor) else computed)
    assert actual.shape == stored.shape, f"{name}: {actual.shape}, stored {stored.shape}"
    if isinstance(own, str):
        allowed = float(re.search(r"([\d.]+) ?%", own)[1]) / 100
        # In a histogram a pixel that moves changes two counts.
        changed = np.abs(actual - stored).sum() / 2 / stored.sum() if "move" in own else (actual != stored).mean()
        assert changed <= allowed, f"{name}: {100 * changed:.2f} % differ"
    elif own.get("exact"):
        np.testing.assert_array_equal(actual, stored, err_msg=name)
    else:
        bounds = {"rtol": own.get("rtol", 0), "atol": own.get("atol", 0)}
        np.testing.assert_allclose(actual.astype(np.float64), stored.astype(np.float64), **bounds, err_msg=name)


def step_in(text, default=1):
    """Of ``stride 4``, ``every 8th feature`` or ``channels ::32`` in a note: every how many-th value is stored."""
    found = re.search(r"strides? (\d+)|every (\d+)(?:th|nd|rd)|::(\d+)", text)
    return int(next(filter(None, found.groups()))) if found else default


def note(case, array):
    return CASES[case]["arrays"][array].get("note", "")


def coarsest(maps, case, array):
    """Rows and columns of maps K x H x W at the least step that leaves as many as are stored, where no note says it."""
    shape = tuple(CASES[case]["arrays"][array]["shape"])
    step = next(step for step in range(1, max(maps.shape) + 1) if maps[:, ::step, ::step].shape == shape)
    return maps[:, ::step, ::step]
