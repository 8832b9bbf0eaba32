"""Which labels of a dataset are scored."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import ConfigError

BACKGROUND = "background"


def score_labels(classes: Sequence[str], wanted: Sequence[str] = ()) -> tuple[list[int], list[str]]:
    """Label numbers and names to score, background first.

    Args:
        classes: the dataset's class names without background; class k is label k + 1.
        wanted: class names to score (background is always scored); empty means all.

    Raises:
        ConfigError: a wanted name is not a class of the dataset.
    """
    names = [BACKGROUND, *classes]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise ConfigError(f"cannot score {', '.join(unknown)}: the dataset's classes are {', '.join(classes)}")
    chosen = [name for name in names if not wanted or name == BACKGROUND or name in wanted]
    return [names.index(name) for name in chosen], chosen
