"""The golden cases of the DeepLab-v2 trainer: inputs by the rules of the manifest, expected numbers by case."""

import gzip
import json
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from deeplabv2.networks.registry import bare_network
from deeplabv2.networks.settings import NetworkConfig
from tests.parity.fill import filled_input, filled_state_dict

GOLDEN = Path(__file__).parent / "golden" / "deeplabv2"
CASES = {case["case"]: case for case in json.loads((GOLDEN / "manifest.json").read_text())["cases"]}
KEYS = json.loads(gzip.decompress((GOLDEN / "keys.json.gz").read_bytes()))


def starting(file, *beginnings):
    """The cases whose numbers lie in ``file`` and whose name starts with one of ``beginnings``."""
    return [name for name, case in CASES.items() if case["file"] == file and name.startswith(beginnings)]


# What is checked how; the metrics have a test of their own.
EVAL_OUTPUT = [name for name in starting("networks.npz", "") if "out_shape" in CASES[name]]
TAPS = starting("networks.npz", "v2_base_taps")
TRAIN_OUTPUTS = starting("networks.npz", "v2_msc_train_outputs")
PYRAMID = starting("pyramid.npz", "")
RESIZED_LABELS = starting("labels.npz", "resize_labels")
LOGITS_TO_LABELS = starting("labels.npz", "logits_to_labels")
PYRAMID_LOSS = starting("losses.npz", "msc_")
EDGE_LOSS = starting("losses.npz", "edge")
SCHEDULE = starting("lr.npz", "")
SEEDED_ITEMS = starting("transforms.npz", "seeded")
DEMO_ITEM = starting("transforms.npz", "demo")
EVAL_ITEM = starting("transforms.npz", "eval")
TRAINING_ITEM = [name for name in starting("transforms.npz", "") if name not in SEEDED_ITEMS + DEMO_ITEM + EVAL_ITEM]
TRAINING = starting("train.npz", "")
METRICS = starting("metrics.npz", "")


def expected(case):
    """The arrays of a case, by their name without the case's."""
    stored = np.load(GOLDEN / CASES[case]["file"])
    return {key.removeprefix(f"{case}."): stored[key] for key in stored.files if key.startswith(f"{case}.")}


def made(spec):
    """The array that an input's rule makes."""
    rule, shape = spec["rule"], spec["shape"]
    if "rows [:H//8] = 255" in rule:
        return made_labels(spec["name"], shape)
    bounds = re.match(r"filled_input\(name, shape, (\d+), (\d+)\)", rule)
    if bounds:
        return filled_input(spec["name"], shape, int(bounds[1]), int(bounds[2]))
    factor = re.fullmatch(r"filled_input\(name, shape\)(?: \* (\d+))?", rule)
    return filled_input(spec["name"], shape) * np.float32(factor[1] or 1)


def made_labels(name, shape):
    """Labels 0..20, the top eighth and the last three columns ignored."""
    labels = filled_input(name, shape, 0, 21).astype(np.int64)
    labels[:, : shape[1] // 8] = 255
    labels[:, :, -3:] = 255
    return labels


def network_of(net, **settings):
    """Settings of a network of the manifest, e.g. ``i2crc/DeepLabV2_ResNet101_MSC/21``."""
    *source, name, n_labels = net.split("/")
    name = "I2CRC_ResNet101_MSC" if source == ["i2crc"] else name
    return NetworkConfig(name, int(n_labels), **settings)


def damping(key, net):
    """Factor of a tensor in the ``damped`` weights of the manifest."""
    if key.endswith("bn3.weight" if net.startswith("i2crc") else "increase.bn.weight"):
        return 0.2
    head = re.search(r"(^|\.)(aspp|fc|classifier)\.", key) and "VGG" not in net
    return 0.01 if head and key.endswith("weight") else 1.0


@lru_cache(maxsize=1)
def filled_network(net, weights):
    """The network with the manifest's weights, in eval mode. Shared between tests: do not change it."""
    network = bare_network(network_of(net))
    factor = {key: damping(key, net) if weights == "damped" else 1.0 for key in KEYS[net]}
    state = {key: value * factor[key] for key, value in filled_state_dict(KEYS[net]).items()}
    network.load_state_dict({key: torch.as_tensor(np.asarray(value)) for key, value in state.items()})
    return network.eval()


def close_to_scale(actual, wanted, tolerance):
    """Largest difference as a part of the largest value."""
    assert actual.shape == wanted.shape
    assert np.abs(actual - wanted).max() <= tolerance * np.abs(wanted).max()


def statistics(tensor):
    """Mean, standard deviation, least and greatest value."""
    values = tensor.double()
    return np.array([values.mean(), values.std(correction=0), values.min(), values.max()])
