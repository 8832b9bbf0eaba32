"""Checkpoints: tensors and plain values in one file, written atomically, the newest few kept."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from common.errors import CheckpointError
from common.files import remove_partial_files, require_free_space, require_intact, write_torch

FORMAT = 1
PARTS: Mapping[str, type] = {
    "format": int,
    "step": int,
    "config": dict,
    "model": dict,
    "optimizer": dict,
    "scaler": dict,
    "history": list,
    "pending": dict,
}
CONTINUE = "Delete it to continue from the one before."
NAME = re.compile(r"checkpoint_(\d+)\.pth")


def checkpoint_path(folder: Path, step: int) -> Path:
    return folder / f"checkpoint_{step}.pth"


def checkpoint_step(path: Path) -> int:
    """The step in the name of a checkpoint."""
    return int(path.stem.removeprefix("checkpoint_"))


def checkpoint_steps(folder: Path) -> list[int]:
    """Steps of the complete checkpoints in ``folder``, ascending as numbers."""
    if not folder.is_dir():
        return []
    return sorted(int(match.group(1)) for path in folder.iterdir() if (match := NAME.fullmatch(path.name)))


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the highest step, or None."""
    steps = checkpoint_steps(folder)
    return checkpoint_path(folder, steps[-1]) if steps else None


def save_checkpoint(folder: Path, step: int, content: dict[str, Any], keep_last: int) -> Path:
    """Write ``checkpoint_<step>.pth``, then delete all but the newest ``keep_last``.

    The older ones go only after the new one is safely on disk.

    Raises:
        DiskFullError: there is not enough room; the older checkpoints are untouched.
    """
    content = canonical({"format": FORMAT, "step": step, **content})
    folder.mkdir(parents=True, exist_ok=True)
    remove_partial_files(folder)
    require_free_space(folder, int(1.05 * size_in_bytes(content)) + 1_000_000)
    path = checkpoint_path(folder, step)
    write_torch(path, content)
    for old in checkpoint_steps(folder)[:-keep_last]:
        checkpoint_path(folder, old).unlink()
    return path


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of :func:`save_checkpoint` onto the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, holds anything but tensors and plain values, or is not ours.
    """
    try:
        require_intact(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint {path} does not exist") from error
    except pickle.UnpicklingError as error:
        # torch's own message recommends to switch the protection off.
        raise CheckpointError(
            f"{path} holds more than tensors and plain values; refused, as it could run code"
        ) from error
    except Exception as error:  # torch raises many types for damaged files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(f"cannot read checkpoint {path}: {reason}. {CONTINUE}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or not content.keys() >= PARTS.keys():
        raise CheckpointError(f"{path} is not a training checkpoint of this toolbox (format {FORMAT})")
    for part, kind in PARTS.items():
        if not isinstance(content[part], kind):
            found = type(content[part]).__name__
            raise CheckpointError(f"{path} is damaged: its {part} is {found}, not {kind.__name__}. {CONTINUE}")
    for name, tensor in content["model"].items():
        if not (isinstance(name, str) and isinstance(tensor, torch.Tensor)):
            raise CheckpointError(f"{path} is damaged: {name!r} of its model is no tensor. {CONTINUE}")
    return content


def load_model_state(path: Path) -> dict[str, torch.Tensor]:
    """Name -> tensor of the network in a training checkpoint, on the CPU."""
    state: dict[str, torch.Tensor] = load_checkpoint(path)["model"]
    return state


def size_in_bytes(value: Any) -> int:
    """Bytes of all tensors inside nested dictionaries and lists."""
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(size_in_bytes(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(size_in_bytes(item) for item in value)
    return 0


def canonical(value: Any) -> Any:
    """A copy that serialises to the same bytes whenever it holds the same values.

    Pickle writes an object once and refers back to it; whether two equal strings or tuples are one object depends on
    the history of the process (a resumed one differs). Interned strings, fresh containers and compact CPU tensors
    take that history out, so equal trainings have byte-identical checkpoints.

    Raises:
        TypeError: something else than tensors and plain values, which :func:`load_checkpoint` would refuse.
    """
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True).contiguous()
    if isinstance(value, Mapping):
        return {canonical(key): canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, float):
        # numpy's float64 is a float, too, and would make the file unreadable.
        return float(value)
    if value is None or isinstance(value, int):
        return value
    raise TypeError(f"a checkpoint cannot hold {value!r} ({type(value).__name__}); only tensors and plain values")
