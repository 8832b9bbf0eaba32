"""The saliency network and its parts, and one step of its training, against the published modules' numbers."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from sod_wsss.saliency_encoders import SwinTaps
from sod_wsss.saliency_losses import edge_loss, supervision
from sod_wsss.saliency_network import EdgeAware, PatmBlock, SaliencyNetwork, published_names
from tests.parity.sod_wsss_cases import (
    CASES,
    KEYS,
    args,
    cases,
    close,
    expected,
    filled,
    given,
    net_of,
    part_of,
    tensor,
    what,
)

UNUSED_EDGE_PARTS = ("conv1.", "conv2.", "conv3.", "pos_embed.", "norm1.")


def forward_cases():
    """The cases of the whole network's forward, which are not its step."""
    return [case for case in cases("sod_") if "net" in CASES[case] and CASES[case]["file"] == "sod_forward.npz"]


def saliency_network(net, side):
    network = SaliencyNetwork(SwinTaps("swin-base", side), side)
    network.load_state_dict(published_names(filled(net)))
    return network


@pytest.fixture(scope="module")
def shared_network():
    """The network of the forward cases by its set of tensors and its side: do not change it."""
    built = {}

    def build(net, side):
        if (net, side) not in built:
            built.clear()
            built[net, side] = saliency_network(net, side).eval()
        return built[net, side]

    return build


def part_named(case, name):
    """The part of an array that the manifest says is stored: ``tap0 [:, ::16, ::4, ::4]``, ``tap2/tap3 [:, ::16]``."""
    found = re.search(rf"\b{name}\b(?:/\w+)? (\[[^]]*\])", what(case), re.IGNORECASE)
    return part_of(found[1])


@pytest.mark.parametrize("case", forward_cases())
def test_the_network_is_the_published_one(case, shared_network):
    (images,) = given(case)
    network, kept = shared_network(net_of(case), images.shape[-1]), {}
    hooks = [
        network.get_submodule(f"PATM{level}").register_forward_hook(
            lambda _, __, output, level=level: kept.update({f"patm{level}": output})
        )
        for level in range(1, 5)
    ]
    with torch.no_grad():
        taps = network.encoder(tensor(images))
        scores = network(tensor(images))
    for hook in hooks:
        hook.remove()
    kept |= {f"tap{level}": tap for level, tap in enumerate(taps)}
    maps = {f"s{level}": one for level, one in enumerate(scores.maps, start=1)} | {"edge": scores.edge}
    for name in expected(case):
        if name in maps:
            close(case, name, maps[name][(..., *part_of(what(case)))])
        else:
            close(case, name, kept[name][part_named(case, name)])


def without_dropout(network):
    """Train mode, in which nothing is left out at random."""
    network.train()
    for name, module in network.named_modules():
        if isinstance(module, nn.Dropout) or type(module).__name__ == "DropPath":
            module.eval()
            assert not module.training, name
    return network


def block_of(name):
    """The published block of a parameter of ours: merging layers belonged to the stage before."""
    name = name.replace("encoder.", "encoderR.", 1)
    if merging := re.match(r"encoderR\.layers\.(\d)\.downsample", name):
        return f"encoderR.layers.{int(merging[1]) - 1}"
    return re.match(r"encoderR\.(?:layers\.\d|\w+)|\w+", name)[0]


@pytest.mark.parametrize("case", cases("sod_step"))
def test_a_step_is_the_published_one(case):
    images, mask, edges = map(tensor, given(case))
    network = without_dropout(saliency_network(net_of(case), images.shape[-1]))
    scores = network(images)
    saliency = supervision(scores.maps, mask)
    edge = edge_loss(scores.edge, edges, with_bce=True)
    (saliency + edge).backward()
    close(case, "gt_loss", saliency)
    close(case, "edge_loss", edge)
    squares = dict.fromkeys(args(case)["blocks"], 0.0)
    for name, parameter in network.named_parameters():
        squares[block_of(name)] += parameter.grad.double().square().sum().item()
    close(case, "grad_norm", np.sqrt(list(squares.values())))
    stored = expected(case)["s1_first"]
    stride = scores.maps[0].shape[-1] // stored.shape[-1]
    close(case, "s1_first", scores.maps[0][0, 0, ::stride, ::stride])


@pytest.mark.parametrize("case", cases("edge_aware"))
def test_the_edge_branch_is_the_published_one(case):
    maps = given(case)
    side = expected(case)["out"].shape[-1]
    branch = EdgeAware([one.shape[1] for one in maps], side)
    state = filled(net_of(case))
    branch.load_state_dict({name: one for name, one in state.items() if not name.startswith(UNUSED_EDGE_PARTS)})
    with torch.no_grad():
        close(case, "out", branch.eval()([tensor(one) for one in maps]))


@pytest.mark.parametrize("case", cases("patm"))
def test_a_decoder_block_is_the_published_one(case):
    middle, entering = KEYS[net_of(case)]["conv1.conv.weight"][:2]
    leaving = KEYS[net_of(case)]["conv_fuse.conv.weight"][0]
    first, second = map(int, re.search(r"dilations? (\d+) and (\d+)", what(case)).groups())
    block = PatmBlock(entering, middle, leaving, first, second)
    block.load_state_dict(filled(net_of(case)))
    with torch.no_grad():
        close(case, "out", block.eval()(tensor(given(case)[0])))
