"""The state dict inside a checkpoint: a mapping of names to tensors, under whatever key, beside optimisers and counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from common.errors import CheckpointError
from common.models.tensor_names import Tensors, equal, tensor_kinds

# Where several mappings fit alike (a network and its average), that under these keys is meant, in order of preference.
CONTAINER_KEYS = ("state_dict", "model", "model_state", "net", "Net")
DEEPEST = 6


def find_state_dict(content: Any, path: Path, own: Tensors | None = None) -> dict[str, Tensor]:
    """The mapping inside ``content`` whose tensors are most like those of a network.

    Args:
        content: what a checkpoint holds.
        path: where it comes from, for messages.
        own: the network's tensors; without them the mapping with most tensors.

    Raises:
        CheckpointError: there is none, or several with different values fit equally and none is under a usual key.
    """
    found = dict(state_dicts(content, "", set()))
    if not found:
        raise CheckpointError(
            f"{path} holds no state dict (found: {contents(content)}); a dictionary of names and tensors is needed, directly or "
            "under a key."
        )
    alike = {key: likeness(state, own) for key, state in found.items()}
    best = [key for key, score in alike.items() if score == max(alike.values())]
    usual = usual_place(content)
    if usual and (usual in best or (own is None and usual in found)):
        return found[usual]
    if any(not same(found[best[0]], found[key]) for key in best[1:]):
        raise CheckpointError(
            f"{path} holds several networks that fit equally, under {', '.join(best)}; save the one that is meant alone."
        )
    return found[best[0]]


def state_dicts(content: Any, place: str, seen: set[int]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """(keys that lead there, tensors) of every mapping with tensors in nested mappings, the outer ones first."""
    if not isinstance(content, Mapping) or id(content) in seen or place.count("/") > DEEPEST:
        return
    seen.add(id(content))
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    for key, value in content.items():
        yield from state_dicts(value, f"{place}/{key}" if place else str(key), seen)


def contents(content: Any) -> str:
    """What there is in words, for messages."""
    if not isinstance(content, Mapping):
        return type(content).__name__
    return "keys " + ", ".join(map(str, list(content)[:8])) if content else "nothing"


def usual_place(content: Any) -> str:
    """The keys that lead to the mapping in the place where most programs have it."""
    place: list[str] = []
    while isinstance(content, Mapping) and len(place) <= DEEPEST:
        key = next((key for key in CONTAINER_KEYS if isinstance(content.get(key), Mapping)), None)
        if key is None:
            break
        place.append(key)
        content = content[key]
    return "/".join(place)


def likeness(state: Tensors, own: Tensors | None) -> int:
    """How many tensors have their like among the network's, by shape and the last word of the name."""
    if own is None:
        return len(state)
    return (tensor_kinds(state.items()) & tensor_kinds(own.items())).total()


def same(one: Tensors, other: Tensors) -> bool:
    """Whether both hold the same names and values."""
    return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
