"""Which chains a comparison consists of: one per method, source of saliency maps and seed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import ConfigError
from common.method.registry import PLAIN_CAM

# What each method's own configuration names, where no folder is given.
OWN_MAPS = "own"
NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Source:
    """Where saliency maps come from.

    Attributes:
        name: in the table and in folder names.
        folder: of the maps; None for what a method's configuration names.
    """

    name: str = OWN_MAPS
    folder: Path | None = None


@dataclass(frozen=True)
class Chain:
    """A method's whole way from tags to scores, with one source of saliency maps and one seed.

    Attributes:
        method: its name.
        source: of the saliency maps.
        seed: of every training.
        after: name of the chain of plain CAM that this one starts from: a method from its maps and networks, plain CAM with another
            source from its trainings; empty for none.
    """

    method: str
    source: Source
    seed: int
    after: str = ""

    @property
    def name(self) -> str:
        """What the command line calls it, and its folder."""
        return f"{self.method}/{self.source.name}/seed{self.seed}"


def sources_from(given: Sequence[str]) -> list[Source]:
    """Read ``NAME=FOLDER`` or ``FOLDER``, whose own name is then used.

    Raises:
        ConfigError: a folder is missing, a name twice or with other characters than letters, digits, dot, dash and underscore.
    """
    sources = []
    for text in given:
        name, _, folder = text.rpartition("=")
        place = Path(folder)
        name = name or place.resolve().name
        if not place.is_dir():
            raise ConfigError(f"--saliency {text}: there is no folder {place}; give NAME=FOLDER with saliency maps")
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"--saliency {text}: name the source with letters, digits, '.', '-' and '_': NAME={folder}"
            )
        sources.append(Source(name, place.resolve()))
    twice = sorted({one.name for one in sources if sum(other.name == one.name for other in sources) > 1})
    if twice:
        raise ConfigError(
            f"--saliency names {', '.join(twice)} twice; write NAME=FOLDER with a name of its own for each"
        )
    return sources or [Source()]


def planned_chains(methods: Sequence[str], sources: Sequence[Source], seeds: int, guided: Sequence[str]) -> list[Chain]:
    """The chains, seed by seed, so that a table with all methods is there as early as possible.

    Args:
        methods: names, plain CAM among them: the others start from its maps.
        guided: those of the methods whose results depend on saliency maps; the others run once per seed.
    """
    chains = []
    for seed in range(seeds):
        reference = Chain(PLAIN_CAM, sources[0], seed)
        for method in methods:
            for source in sources if method in guided else [Source()]:
                beside = reference if method == PLAIN_CAM else dataclasses.replace(reference, source=source)
                chain = Chain(method, source, seed, (beside if method in guided else reference).name)
                chains.append(reference if chain.name == reference.name else chain)
    return chains
