"""Where a number comes from: the commit, the command line, the library versions and the machine of this process."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

UNKNOWN_COMMIT = "unknown"
MODIFIED_MARK = " + uncommitted changes"
# What decides numbers, where it lies in a folder that has tracked files: an untracked file of these is a change of the source.
SOURCE_PATTERNS = ("*.py", "*.yaml", "*.yml", "*.sh", "setup.cfg", "pyproject.toml")
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pillow", "opencv-python", "numba", "pydensecrf2")


def current_commit(folder: Path | None = None) -> str:
    """The git commit of the toolbox, ``+ uncommitted changes`` when tracked files differ from it or there is source it does not have.

    Untracked source counts in the top folder and in folders that have tracked source (a package's), at any depth; outputs, data and notes
    inside the clone do not.

    ``folder`` (default: this file's) must itself be tracked: an installed copy that happens to lie inside somebody's
    own repository must not borrow that repository's commit. Without git, a repository or a commit: ``unknown``.
    """
    folder = Path(__file__).parent if folder is None else Path(folder)
    commit = _git(folder, "rev-parse", "HEAD")
    tracked = _git(folder, "ls-files", ".")
    if not commit or not tracked:
        return UNKNOWN_COMMIT
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit + (MODIFIED_MARK if changes or untracked_source(folder) else "")


def untracked_source(folder: Path) -> list[str]:
    """Paths, from the top of the repository of ``folder``, of untracked source that lies among the tracked."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if not top:
        return []
    found = _git(Path(top), "ls-files", "--others", "--exclude-standard", "--", *SOURCE_PATTERNS).splitlines()
    if not found:
        return []
    packages = {
        name.partition("/")[0]
        for name in _git(Path(top), "ls-files", "--", *SOURCE_PATTERNS).splitlines()
        if "/" in name
    }
    return [name for name in found if "/" not in name or name.partition("/")[0] in packages]


def _git(folder: Path, *arguments: str) -> str:
    """Output of one git command in ``folder``; empty when git is absent or refuses."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def current_command_line() -> str:
    """The command that started this process, quoted for a shell, with the script's path relative to where it ran."""
    main = sys.modules.get("__main__")
    module = getattr(getattr(main, "__spec__", None), "name", None)
    if module:
        module = module.removesuffix(".__main__")
        return shlex.join(["python", "-m", module, *sys.argv[1:]])
    script = Path(sys.argv[0])
    if script.is_absolute() and script.is_relative_to(Path.cwd()):
        script = script.relative_to(Path.cwd())
    return shlex.join(["python", script.as_posix(), *sys.argv[1:]])


def current_versions() -> dict[str, str]:
    """Versions of Python and of every library in :data:`LIBRARIES` that is installed."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def environment() -> dict[str, Any]:
    """What a number may depend on besides the settings."""
    return {
        "command": current_command_line(),
        "commit": current_commit(),
        "versions": current_versions(),
        "platform": platform.platform(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
    }
