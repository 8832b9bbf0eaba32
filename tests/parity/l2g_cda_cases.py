"""The golden cases of L2G + CDA: inputs by the rules of the manifest, expected numbers by case."""

import gzip
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from l2g_cda.backbones import L2GBackbone
from l2g_cda.network import BACKBONE, L2GNetwork, build_l2g, own_name
from tests.parity.fill import filled_input, filled_state_dict, filled_tensor

GOLDEN = Path(__file__).parent / "golden" / "l2g_cda"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())
CASES = MANIFEST["cases"]
KEYS = json.loads(gzip.decompress((GOLDEN / "keys.json.gz").read_bytes()))
BACKBONES = {
    "resnet38_fork": L2GBackbone(attention="se", suppression="learnable"),
    "resnet38_l2g_voc": L2GBackbone(attention="none", suppression="none"),
    "resnet38_l2g_coco": L2GBackbone(attention="none", suppression="none"),
}
N_CLASSES = {"resnet38_fork": 20, "resnet38_l2g_voc": 20, "resnet38_l2g_coco": 80}


def cases_of(topic):
    """Names of the topic's cases, e.g. ``networks/net_fork_64x64``."""
    return [name for name in CASES if name.startswith(f"{topic}/")]


def expected(case, name=None):
    """The arrays of a case by their own names."""
    topic, _, prefix = case.partition("/")
    with np.load(GOLDEN / MANIFEST["files"][topic]) as stored:
        prefix = f"{name or prefix}/"
        return {key.removeprefix(prefix): stored[key] for key in stored.files if key.startswith(prefix)}


def made(name, shape):
    return torch.from_numpy(filled_input(name, shape))


def tensor(array):
    return torch.as_tensor(np.asarray(array))


def meta_network(net):
    """The network without memory for its tensors."""
    with torch.device("meta"):
        return build_l2g(BACKBONES[net], N_CLASSES[net])


@lru_cache(maxsize=1)
def filled_network(net):
    """The network with the manifest's weights, in eval mode. Shared between tests: do not change it."""
    return with_weights(net, filled_state_dict(KEYS[net])).eval()


def with_weights(net, state) -> L2GNetwork:
    network = build_l2g(BACKBONES[net], N_CLASSES[net])
    network.load_state_dict({own_name(name): tensor(value) for name, value in state.items()})
    return network


def published_name(name):
    """The published name of a tensor of the network."""
    return name.removeprefix(BACKBONE)


def published_shapes(network):
    return {published_name(name): list(value.shape) for name, value in network.state_dict().items()}


def close_to_scale(actual, wanted, tolerance):
    """Relative tolerance, and an absolute one as a part of the largest value."""
    atol = tolerance * np.abs(wanted).max() if wanted.size else 0
    np.testing.assert_allclose(np.asarray(actual), wanted, rtol=tolerance, atol=atol)


def filled(key, shape):
    return tensor(filled_tensor(key, shape))
