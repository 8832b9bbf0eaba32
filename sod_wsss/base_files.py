"""Puzzle-CAM's names of the tensors of its classifier and its AffinityNet, in files of trained networks (sod_wsss spec, section 2.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from common.models.weights import load_weights, read_state_dict

# The published networks hold their backbone several times, by these names besides "model".
COPIES = re.compile(r"^(module\.)?(stage\d|backbone\.\d+|edge_layers)\.")
EDGE_BRANCH = re.compile(r"^fc_edge([1-5])\.")
# Published beginning of a name -> ours.
BEGINNINGS = {"model.": "backbone.", "classifier.": "head.", "fc_edge6.": "edge_last."}


def name_of_ours(published: str) -> str:
    """``backbone.conv1.0.weight`` for ``model.conv1.0.weight``; names of this toolbox stay."""
    branch = EDGE_BRANCH.match(published)
    if branch:
        return f"edge_branches.{int(branch[1]) - 1}.{published[branch.end() :]}"
    found = next((begin for begin in BEGINNINGS if published.startswith(begin)), "")
    return BEGINNINGS[found] + published.removeprefix(found) if found else published


def name_published(ours: str) -> str:
    """The inverse of :func:`name_of_ours`."""
    if ours.startswith("edge_branches."):
        _, number, rest = ours.split(".", 2)
        return f"fc_edge{int(number) + 1}.{rest}"
    found = next((begin for begin, own in BEGINNINGS.items() if ours.startswith(own)), "")
    return found + ours.removeprefix(BEGINNINGS[found]) if found else ours


def published_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a classifier or an AffinityNet by their published names, each once."""
    return {name_published(name): tensor for name, tensor in network.state_dict().items()}


def without_copies(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by published names without the further names of the backbone's."""
    is_published = any(name.removeprefix("module.").startswith("model.") for name in state)
    return {name: tensor for name, tensor in state.items() if not (is_published and COPIES.match(name))}


def load_base_network(network: nn.Module, path: Path) -> None:
    """Load a trained classifier or AffinityNet, of Puzzle-CAM's programs or of this toolbox.

    Raises:
        CheckpointError: the file is of another network.
    """
    load_weights(network, without_copies(read_state_dict(path)), source=str(path), rename=name_of_ours)
