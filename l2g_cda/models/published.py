"""Checkpoints in the published form: what other people's programs for this paper write and read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from common.engine.checkpoint import canonical
from common.files import write_torch
from common.models.weights import load_weights, read_state_dict
from l2g_cda.models.network import L2GNetwork
from l2g_cda.models.pair import LocalToGlobal

BODY = "body."
# What DataParallel puts before every name.
WRAPPED = "module."
HEAD = ("fc8.", "f8_3.", "f8_4.", "f9.")


def published_name(name: str) -> str:
    """The published name of a tensor of :class:`L2GNetwork`."""
    return name.removeprefix(BODY)


def own_name(name: str) -> str:
    """The name in :class:`L2GNetwork` of a published tensor."""
    return name if name.startswith((*HEAD, BODY)) else BODY + name


def own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published tensors, with or without DataParallel's prefix, under the names of :class:`L2GNetwork`."""
    return {own_name(name.removeprefix(WRAPPED)): tensor for name, tensor in state.items()}


def write_published(path: Path, pair: LocalToGlobal, epoch: int, steps: int) -> None:
    """Write ``<dataset>_epoch_<e>.pth``: both networks, with the prefix of DataParallel (l2g_cda spec, section 2.6)."""
    networks = {"state_dict": pair.whole, "local_dict": pair.local}
    states = {
        part: {WRAPPED + published_name(name): tensor for name, tensor in network.state_dict().items()}
        for part, network in networks.items()
    }
    # Equal networks give equal bytes: the maps made from the file are known by its fingerprint.
    write_torch(path, canonical({"epoch": epoch, "global_counter": steps, **states}))


def load_published(network: L2GNetwork, path: Path) -> None:
    """Load the global network of a published checkpoint, or a bare state dict.

    Raises:
        CheckpointError: the file is missing, damaged or of another network.
    """
    load_weights(network, own_names(read_state_dict(path)), source=str(path))
