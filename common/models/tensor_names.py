"""The tensors of a file by the names of a network.

Programs put different words in front of the names (``module.``, ``model.``, ``base.``), and which ones they will think of next
nobody knows. So what is replaced by what is found by matching: of all pairs of beginnings, of the file's names and of the
network's, the one by which all tensors of the network get one of the file, of their shape, or else the most.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

import torch
from torch import Tensor

from common.errors import CheckpointError

Rename = Callable[[str], str] | Mapping[str, str] | None
Tensors = Mapping[str, Tensor]

# So many tensors of the network look for their like in the file, and so many pairs of beginnings are tried on all.
N_ANCHORS = 64
N_TRIED = 24

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NameFit:
    """How the names of a file become a network's.

    Attributes:
        before: beginning of the file's names in place of which the network has ``after``; both may be empty.
        after: see there.
        names: name in the file -> in the network, for every tensor of the file.
        sources: name in the network -> the first in the file that becomes it, where the shapes agree.
        rivals: beginnings of the file's names that fit as well and lead to other values.
    """

    before: str
    after: str
    names: dict[str, str]
    sources: dict[str, str]
    rivals: tuple[str, ...] = ()

    def describe(self) -> str:
        """What was replaced by what; empty where nothing was."""
        if not (self.before or self.after):
            return ""
        return f'prefix "{self.before}" read as "{self.after}"' if self.after else f'without prefix "{self.before}"'


def fit_names(state: Tensors, own: Tensors, rename: Rename = None, optional: tuple[str, ...] = ()) -> NameFit:
    """The best way to read the names of ``state`` as those of ``own``.

    Names that fit as they are stay. The others lose a beginning, are renamed, and get the network's beginning in its place.

    Args:
        state: the file's tensors.
        own: the network's.
        rename: a function, or a mapping of name prefixes to their replacement (longest first).
        optional: beginnings of the names of the network that need not be there: where all others have their tensor, nothing
            else is tried.
    """
    translate = as_function(rename)
    plain = fit_of("", "", state, own, translate)
    lacking = [name for name in own if not (name in plain.sources or name.startswith(optional) or is_count(name))]
    if not lacking:
        return plain
    tried = [fit_of(*pair, state, own, translate) for pair in likely_pairs(state, plain, own, lacking, translate)]
    # What gives few tensors their like does so by chance.
    tried = [fit for fit in tried if 2 * len(fit.sources.keys() & set(lacking)) >= len(lacking)]

    def quality(fit: NameFit) -> tuple[bool, int, int]:
        # A network of another width has the right names, and by chance its shapes in other places.
        named = len(own.keys() & set(fit.names.values()))
        return fit.sources.keys() >= set(lacking), named, len(fit.sources)

    # The first of equal ones is the maximum.
    candidates = [plain, *sorted(tried, key=lambda fit: (len(fit.before), len(fit.after)))]
    best = max(candidates, key=quality)
    rivals = [fit.before for fit in candidates if quality(fit) == quality(best) and differ(fit, best, state)]
    return NameFit(best.before, best.after, best.names, best.sources, tuple(rivals))


def fit_of(before: str, after: str, state: Tensors, own: Tensors, translate: Callable[[str], str]) -> NameFit:
    """The names by one pair of beginnings."""
    names: dict[str, str] = {}
    sources: dict[str, str] = {}
    for name, tensor in state.items():
        new = spelling(name, "", tensor, own, translate)
        if not fits(new, tensor, own) and (before or after) and name.startswith(before):
            new = spelling(name[len(before) :], after, tensor, own, translate)
        names[name] = new
        if fits(new, tensor, own):
            sources.setdefault(new, name)
    return NameFit(before, after, names, sources)


def spelling(name: str, after: str, tensor: Tensor, own: Tensors, translate: Callable[[str], str]) -> str:
    """The name behind ``after``: translated, or as it is where only that is the network's."""
    translated, kept = after + translate(name), after + name
    return kept if fits(kept, tensor, own) and not fits(translated, tensor, own) else translated


def likely_pairs(
    state: Tensors, plain: NameFit, own: Tensors, lacking: list[str], translate: Callable[[str], str]
) -> list[tuple[str, str]]:
    """Pairs of beginnings by which tensors that the network lacks get one of the file, the most frequent first."""
    endings: defaultdict[str, list[str]] = defaultdict(list)
    for name in lacking[:: -(-len(lacking) // N_ANCHORS)]:
        for after, ending in splits(name):
            endings[ending].append(after)
    votes: Counter[tuple[str, str]] = Counter()
    for name, tensor in state.items():
        if plain.names[name] in plain.sources:
            continue
        for before, rest in splits(name):
            for ending in dict.fromkeys((translate(rest), rest)):
                votes.update((before, after) for after in endings.get(ending, ()) if fits(after + ending, tensor, own))
    del votes["", ""]
    return [pair for pair, _ in votes.most_common(N_TRIED)]


def splits(name: str) -> Iterator[tuple[str, str]]:
    """The name cut in two behind none of its dots, and behind each."""
    yield "", name
    for place, letter in enumerate(name):
        if letter == ".":
            yield name[: place + 1], name[place + 1 :]


def fits(name: str, tensor: Tensor, own: Tensors) -> bool:
    return name in own and own[name].shape == tensor.shape


def is_count(name: str) -> bool:
    """Whether it is the number of batches that a BatchNorm has seen, which files of before 2018 lack."""
    return name.rpartition(".")[2] == "num_batches_tracked"


def differ(one: NameFit, other: NameFit, state: Tensors) -> bool:
    """Whether some tensor of the network gets other values by the two."""
    if one.sources.keys() != other.sources.keys():
        return True
    return not all(equal(state[one.sources[name]], state[other.sources[name]]) for name in one.sources)


def equal(one: Tensor, other: Tensor) -> bool:
    """Whether type, shape and values are the same."""
    return one is other or (one.dtype == other.dtype and torch.equal(one, other))


def as_function(rename: Rename) -> Callable[[str], str]:
    """The function, or one that replaces the longest of the mapping's prefixes."""
    if rename is None:
        return str
    if not isinstance(rename, Mapping):
        return rename
    prefixes = sorted(rename, key=len, reverse=True)

    def replaced(name: str) -> str:
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        return name if prefix is None else rename[prefix] + name[len(prefix) :]

    return replaced


def by_names(state: Tensors, fit: NameFit, source: str) -> dict[str, Tensor]:
    """The tensors by the names of ``fit``.

    Raises:
        CheckpointError: two of the file get the same name.
    """
    origin: dict[str, str] = {}
    for name, new in fit.names.items():
        if new in origin:
            raise CheckpointError(f"{source}: {origin[new]} and {name} both become {new}; change the renaming.")
        origin[new] = name
    if fit.describe():
        logger.info("%s: %s", source, fit.describe())
    return {new: state[name] for new, name in origin.items()}


def tensors_by_names_of(own: Tensors, state: Tensors, rename: Rename, source: str) -> dict[str, Tensor]:
    """The tensors of a file by the names of a network, for loaders that look at them before they are loaded.

    Raises:
        CheckpointError: two of the file get the same name.
    """
    return by_names(state, fit_names(state, own, rename), source)


def converted_inside(
    state: Tensors, own: Tensors, convert: Callable[[Tensors], dict[str, Tensor]]
) -> dict[str, Tensor]:
    """``convert`` of the tensors without the words before all their names that are not the network's, for conversions that
    look at the whole file and know its names from their first word on.
    """
    columns = zip(*(name.split(".")[:-1] for name in state), strict=False)
    shared = "".join(f"{column[0]}." for column in takewhile(lambda column: len(set(column)) == 1, columns))
    forms = [
        convert({name.removeprefix(before): tensor for name, tensor in state.items()}) for before, _ in splits(shared)
    ]
    return max(forms, key=lambda form: len(fit_names(form, own).sources))


def tensor_kinds(tensors: Collection[tuple[str, Tensor]]) -> Counter[tuple[str, torch.Size]]:
    """How often which last word of a name goes with which shape: what of a network stays whatever it is called."""
    return Counter((name.rpartition(".")[2], tensor.shape) for name, tensor in tensors)
