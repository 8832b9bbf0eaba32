"""How the networks of every published recipe train: what they drop, and what of their BatchNorm layers learns.

Built on the meta device, from the configurations of the papers: only settings and declarations decide.
"""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from common.config import parse_config
from common.method.registry import find_method
from common.method.settings import without_initial_weights
from common.method.training import Training
from common.models.base import BATCH_NORMS

RESNET38 = [("Dropout2d", 0.3)] * 2 + [("Dropout2d", 0.5)] * 2
# Method, its training -> dropout layers, and how BatchNorm is: its statistics and its factors learn, or stay (VGG has none).
RECIPES = {
    ("plain_cam", "train"): ([], "learns"),
    ("i2crc", "train"): ([], "none"),
    ("l2g_cda", "base"): (2 * RESNET38, "frozen"),
    ("l2g_cda", "pasting"): (2 * RESNET38, "frozen"),
    ("sgan", "train"): ([("Dropout2d", 0.5)], "none"),
    ("smaf", "eps"): (RESNET38, "frozen"),
    ("smaf", "round1"): (RESNET38, "frozen"),
    ("sod_wsss", "sod"): ([("Dropout", 0.5)] * 4, "learns"),
    ("sod_wsss", "train"): ([], "learns"),
    ("sod_wsss", "affinity"): ([], "stays"),
}


def network_of(method, name):
    declared = find_method(method)
    arguments = ["-c", str(declared.configs[0])]
    settings = parse_config(declared.settings, arguments, program="test", aliases=declared.aliases)
    (training,) = (stage for stage in declared.stages if isinstance(stage, Training) and stage.name == name)
    with torch.device("meta"):
        return training.network(without_initial_weights(settings), SimpleNamespace(n_classes=20, layout=None)).train()


def batchnorm(network):
    norms = [layer for layer in network.modules() if isinstance(layer, BATCH_NORMS)]
    if not norms:
        return "none"
    states = {(norm.training, norm.weight.requires_grad or norm.bias.requires_grad) for norm in norms}
    return (
        {(True, True): "learns", (False, True): "scale learns", (False, False): "frozen"}[states.pop()]
        if len(states) == 1
        else sorted(states)
    )


@pytest.mark.parametrize(("method", "name"), RECIPES, ids=".".join)
def test_a_published_recipe_drops_and_freezes_as_its_paper(method, name):
    network = network_of(method, name)
    kinds = (nn.Dropout, nn.Dropout2d)
    found = [(type(layer).__name__, layer.p) for layer in network.modules() if isinstance(layer, kinds) and layer.p]
    dropped, norms = RECIPES[method, name]
    assert found == dropped
    assert batchnorm(network) == ("frozen" if norms == "stays" else norms)
