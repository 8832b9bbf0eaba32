"""Archives whose bytes depend on nothing but the files in them."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from common.errors import DataError
from common.files import atomic_write


def write_archive(path: Path, members: Mapping[str, Path]) -> None:
    """Write a ``.tgz``.

    Neither times nor users nor the order of ``members`` show in it.

    Args:
        members: name in the archive -> file.
    """

    def write(file: IO[bytes]) -> None:
        with (
            gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
        ):
            for name in sorted(members):
                content = members[name].read_bytes()
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

    atomic_write(path, write)


def require_content(path: Path, members: Mapping[str, Path]) -> None:
    """Read an archive back.

    Raises:
        DataError: it holds anything else than ``members``.
    """
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member)
                if member.name in found or content is None or member.name not in members:
                    raise DataError(
                        f"{path} holds {member.name}, which does not belong there; delete it and pack again"
                    )
                found[member.name] = content.read() == members[member.name].read_bytes()
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataError(f"cannot read {path} back: {error}; delete it and pack again") from error
    wrong = [name for name in members if not found.get(name)]
    if wrong:
        raise DataError(f"{path} lacks {wrong[0]} or holds another one; delete it and pack again")
