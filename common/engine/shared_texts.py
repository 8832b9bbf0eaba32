"""Short texts that every process knows a part of, brought to all of them without pickling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from common.engine.session import Session

LONGEST_TEXT = 400


def texts_of_all_processes(texts: Mapping[str, str], names: Sequence[str], session: Session) -> dict[str, str]:
    """The texts of all processes by name, cut to 400 bytes where there are several processes.

    Args:
        texts: name -> text, of this process; no name is known to two.
        names: all names there may be, the same and in the same order in all processes.
    """
    if not session.is_distributed:
        return dict(texts)
    places = [place for place, name in enumerate(names) if name in texts]
    marks = torch.zeros(len(names), dtype=torch.int64)
    marks[places] = 1
    marked: list[int] = session.sum(marks).cpu().nonzero().flatten().tolist()
    if not marked:
        return {}
    codes = torch.zeros(len(marked), LONGEST_TEXT, dtype=torch.int64)
    for row, place in enumerate(marked):
        encoded = list(texts.get(names[place], "").encode()[:LONGEST_TEXT])
        codes[row, : len(encoded)] = torch.tensor(encoded, dtype=torch.int64)
    shared = session.sum(codes).cpu().tolist()
    return {
        names[place]: bytes(row).rstrip(b"\0").decode(errors="ignore")
        for place, row in zip(marked, shared, strict=True)
    }
