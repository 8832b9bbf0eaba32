"""What the operating system refuses, in one line: which path or resource, why, and what to do about it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

OTHER_PLACE = "give another folder or file"
ADVICE: Mapping[int, str] = {
    errno.EROFS: "the file system is read-only: give another folder",
    errno.ENOTDIR: "a part of this path is a file: give another one",
    errno.EISDIR: "this is a folder where a file belongs: give another path, or move the folder away",
    errno.EEXIST: "a file lies where a folder belongs: give another path, or move it away",
    errno.ENAMETOOLONG: "the file system does not take such long names: use shorter ones",
    errno.ELOOP: "symbolic links lead in a circle: correct them",
    errno.ENOENT: "correct the path",
    errno.ENOSPC: "free some space or point the output elsewhere",
    errno.EDQUOT: "free some space or point the output elsewhere",
    errno.EMFILE: "raise the limit (ulimit -n), or use fewer processes (--workers, -j)",
    errno.ENFILE: "close other programs, or use fewer processes (--workers, -j)",
    errno.ENOMEM: "use fewer processes (--workers, -j), smaller batches or smaller images, or close other programs",
    errno.EAGAIN: "the limit of processes or threads is reached (ulimit -u): use fewer (--workers, -j)",
    errno.EIO: "the disk or its connection fails: check it",
    errno.ESTALE: "the network file system has lost it: mount it again",
    errno.ETIMEDOUT: "the network file system does not answer: check it",
}
# Of what concerns no particular file.
RESOURCES = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE)
)
OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "cannot allocate memory",
    "can't allocate memory",
    "insufficient memory",
    "unable to allocate",
    "bad_alloc",
)
# What torch says when it cannot pass on a batch.
OF_FILES = ("too many open files", "received 0 items of ancdata")
MEMORY_ADVICE = "use smaller batches, crops or images, fewer processes (--workers, -j), or a machine with more memory"
REASON_LENGTH = 200


def system_error_message(error: BaseException) -> str | None:
    """One line for an error that comes from the system; None for any other, which is a fault of the program."""
    if is_out_of_memory(error):
        reason = (" ".join(str(error).split()) or "not enough memory")[:REASON_LENGTH]
        return f"out of memory: {reason.removesuffix('.')}; {MEMORY_ADVICE}. What was written before is intact"
    if isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OF_FILES):
        return describe_os_error(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "")
    if isinstance(error, shutil.Error):
        return f"files could not be copied: {' '.join(str(error).split())[:REASON_LENGTH]}; correct what they say"
    if isinstance(error, OSError) and error.errno is not None:
        path = error.filename2 if error.filename2 is not None else error.filename
        if path is not None:
            return describe_os_error(error, os.fsdecode(path) if isinstance(path, (str, bytes)) else str(path))
        if error.errno in RESOURCES:
            return describe_os_error(error, "")
    return None


def describe_os_error(error: OSError, path: str) -> str:
    """``path: what the system says; what to do``."""
    said = (error.strerror or os.strerror(error.errno or 0)).lower()
    if error.errno in (errno.EACCES, errno.EPERM):
        advice = f"{owner_of(path)}{OTHER_PLACE}, or ask for the permission"
    else:
        advice = ADVICE.get(error.errno or 0, OTHER_PLACE)
    return f"{shortened(path)}: {said}; {advice}" if path else f"{said}; {advice}"


def owner_of(path: str) -> str:
    """Whose folder the nearest part of ``path`` is that can be seen."""
    for place in (Path(path).absolute(), *Path(path).absolute().parents):
        try:
            return f"{place} belongs to {place.owner()}: "
        except (OSError, KeyError):
            continue
    return ""


def shortened(path: str) -> str:
    """A path as a message shows it: the middle of one that is longer than a line is left out."""
    return path if len(path) <= REASON_LENGTH else f"{path[: REASON_LENGTH // 2]}...{path[-REASON_LENGTH // 4 :]}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was not enough, on the machine or on the GPU: Python's error, torch's or OpenCV's."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    kinds = type(error).__mro__
    known = isinstance(error, RuntimeError) or any(kind.__module__.split(".")[0] == "cv2" for kind in kinds)
    return known and any(words in str(error).lower() for words in OF_MEMORY)
