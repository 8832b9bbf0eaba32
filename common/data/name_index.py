"""Which image of a folder a name in somebody's table means: its id, or its file name alone where one image is so called."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from common.errors import DataError


class NameIndex:
    """Finds images by name.

    Args:
        ids: of the images; an id is the path inside their folder without the ending.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self.known = set(ids)
        self.by_last_name: dict[str, list[str]] = defaultdict(list)
        for one in ids:
            name = one.rpartition("/")[2]
            self.by_last_name[name].append(one)
            if name.casefold() != name:
                # Capitals do not tell files apart on the systems where many tables are written.
                self.by_last_name[name.casefold()].append(one)

    def find(self, name: str, where: object) -> str | None:
        """The id that a name (an id, without its folder, or with another one) means; None for no image.

        Args:
            where: file in which the name stands, for the error.

        Raises:
            DataError: it could be several.
        """
        if name in self.known:
            return name
        last = name.rpartition("/")[2]
        alike = self.by_last_name.get(last) or self.by_last_name.get(last.casefold(), [])
        if len(alike) > 1:
            raise DataError(f"{where}: {name!r} could be {' or '.join(alike[:3])}; write the folder too")
        return alike[0] if alike else None
