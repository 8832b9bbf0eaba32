"""The background threshold where nobody has masks: from tags alone, for every method whose labels have one."""

from __future__ import annotations

from typing import Any

from common.method.method import Method
from common.pseudo_labels.rule import LabelConfig


def threshold_flags(method: Method) -> list[str]:
    """What a method is told about its threshold, before the flags that the user gave."""
    labels = getattr(method.settings(), "labels", None)
    return ["--labels.choose_threshold", "tags"] if isinstance(labels, LabelConfig) else []


def threshold_facts(method: Method, settings: Any) -> dict[str, str]:
    """Heading -> which threshold made the label maps, and how it was chosen; empty where the rule has none to choose.

    Raises:
        DataError: it was not looked for yet.
    """
    kind = method.every_kind(settings)[-1]
    if not method.labels.sweeps(kind):
        return {}
    stated = method.labels.stated(method.labels.chosen(kind), method.labels.layout(kind))
    return {"background threshold": f"{stated['threshold']:.2f}, {stated['threshold_choice']}"}
