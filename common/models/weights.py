"""Read published checkpoints and load them so that no tensor is lost in silence."""

from __future__ import annotations

import hashlib
import logging
import pickle
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from common.errors import CheckpointError

# Under these keys training programs put the state dict, in order of preference.
CONTAINER_KEYS = ("state_dict", "model", "model_state", "net", "Net")
# First bytes of a zip archive (torch.save since 1.6) and of a pickle (before).
TORCH_MAGIC = (b"PK\x03\x04", b"\x80")
N_EXAMPLES = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadReport:
    """What happened to each tensor of the file and of the network. Names are the network's own where there is one."""

    source: str
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    """In the network, not in the file (BatchNorm's ``num_batches_tracked`` does not count)."""
    unexpected: tuple[str, ...]
    """In the file, not in the network."""
    wrong_shape: tuple[str, ...]
    """In both, with different shapes."""

    def summary(self) -> str:
        """One line with the four counts and the first names of each kind that did not match."""
        parts = [f"{len(self.matched)} matched"]
        for kind in ("missing", "unexpected", "wrong_shape"):
            names: tuple[str, ...] = getattr(self, kind)
            examples = ", ".join(names[:N_EXAMPLES]) + (", ..." if len(names) > N_EXAMPLES else "")
            parts.append(f"{len(names)} {kind.replace('_', ' ')}" + (f" ({examples})" if names else ""))
        return f"{self.source}: " + ", ".join(parts)


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors`` file or of a PyTorch file (``.pth``, ``.pt``, ...), on the CPU.

    A state dict inside ``{"state_dict": ...}``, ``model``, ``model_state`` or ``net`` is taken out. Nothing in the
    file is executed.

    Raises:
        CheckpointError: the file is missing, damaged, of another format, needs unpickling of Python objects, or
            holds no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}; check the path.")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(path)
        except SafetensorError as error:
            raise CheckpointError(f"{path} is not a readable safetensors file ({error}); fetch it again.") from error
    return unwrap_state_dict(read_torch_file(path), path)


def read_torch_file(path: Path) -> Any:
    """Read a PyTorch file with ``weights_only=True``.

    Raises:
        CheckpointError: it is no PyTorch file, is damaged, or holds Python objects other than tensors.
    """
    with path.open("rb") as file:
        start = file.read(16)
    if not start.startswith(TORCH_MAGIC):
        raise CheckpointError(
            f"{path} is not a PyTorch checkpoint (it begins with {start!r}): perhaps a web page or Git LFS pointer was "
            "saved instead of the file, or it belongs to another framework. Fetch it again or convert it."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds Python objects other than tensors and is not loaded, because unpickling them can run any "
            "program. If you trust its source, save its tensors alone (usually its "
            "entry state_dict) with torch.save under a new name, and give that file."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is damaged ({reason}); fetch it again.") from error


def unwrap_state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    """Find the state dict in what a checkpoint holds.

    Raises:
        CheckpointError: there is none.
    """
    while isinstance(content, Mapping):
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return {str(name): tensor for name, tensor in content.items()}
        inner = [content[key] for key in CONTAINER_KEYS if isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = inner[0]
    found = f"keys {', '.join(map(str, list(content)[:8]))}" if isinstance(content, Mapping) else type(content).__name__
    raise CheckpointError(
        f"{path} holds no state dict (found: {found or 'nothing'}); a dictionary of names and tensors is needed, "
        f"directly or under one of {', '.join(CONTAINER_KEYS)}."
    )


def load_weights(
    model: nn.Module,
    state: Mapping[str, Tensor],
    *,
    source: str,
    strip_prefixes: Sequence[str] = ("module.",),
    rename: Callable[[str], str] | Mapping[str, str] | None = None,
    optional: Sequence[str] = (),
    force: bool = False,
) -> LoadReport:
    """Copy ``state`` into ``model``; either all that has to match matches, or ``model`` stays as it was.

    Tensors of the file that the network lacks (a classifier on top of a backbone) are reported, and no error.

    Args:
        model: the network.
        state: tensors by name; half precision is widened to the network's precision.
        source: where ``state`` comes from, for messages.
        strip_prefixes: prefixes taken off the names of the file, repeatedly (``module.base.``), until the name is one
            of the network's.
        rename: applied after that: a function, or a mapping of name prefixes to their replacement (longest first).
        optional: names or name prefixes of tensors of the network that may be missing or of another shape (a new head).
        force: load what matches although something is missing. Nothing matching at all is an error even so.

    Raises:
        CheckpointError: a tensor of the network is missing or of another shape, two tensors of the file get the same
            name, or a value is NaN or infinite.
    """
    own = model.state_dict()
    renamed = rename_tensors(state, own, strip_prefixes, rename, source)
    report, acceptable = compare(own, renamed, source, optional)
    if not report.matched or not (acceptable or force):
        raise CheckpointError(mismatch_message(report, state, model))
    matched = {name: renamed[name] for name in report.matched}
    for name, tensor in matched.items():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"{source}: {name} holds NaN or infinite values; use another checkpoint.")
    model.load_state_dict(matched, strict=False)
    logger.log(logging.INFO if acceptable else logging.WARNING, "%s", report.summary())
    return report


def rename_tensors(
    state: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    strip_prefixes: Sequence[str],
    rename: Callable[[str], str] | Mapping[str, str] | None,
    source: str,
) -> dict[str, Tensor]:
    """Bring the names of ``state`` to those of the network, ``own``."""
    origin: dict[str, str] = {}
    for name in state:
        new_name = renamed_name(strip_name(name, own, strip_prefixes), rename)
        if new_name in origin:
            raise CheckpointError(
                f"{source}: {origin[new_name]} and {name} both become {new_name}; change the renaming."
            )
        origin[new_name] = name
    return {new_name: state[name] for new_name, name in origin.items()}


def strip_name(name: str, own: Mapping[str, Tensor], prefixes: Sequence[str]) -> str:
    """``name`` without the prefixes in front of it, as far as needed to become a name of the network, ``own``."""
    while name not in own:
        prefix = next((prefix for prefix in prefixes if prefix and name.startswith(prefix)), None)
        if prefix is None:
            break
        name = name[len(prefix) :]
    return name


def renamed_name(name: str, rename: Callable[[str], str] | Mapping[str, str] | None) -> str:
    """``name`` by the function, or with the longest of the mapping's prefixes replaced."""
    if rename is None:
        return name
    if isinstance(rename, Mapping):
        prefix = max((prefix for prefix in rename if name.startswith(prefix)), key=len, default=None)
        return name if prefix is None else rename[prefix] + name[len(prefix) :]
    return rename(name)


def compare(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], source: str, optional: Sequence[str]
) -> tuple[LoadReport, bool]:
    """Sort all names into a report; the flag says whether everything that is not optional matches."""
    matched, missing, wrong_shape = [], [], []
    acceptable = True
    for name, tensor in own.items():
        if name in state and state[name].shape == tensor.shape:
            matched.append(name)
            continue
        if name in state:
            wrong_shape.append(f"{name} {list(state[name].shape)} instead of {list(tensor.shape)}")
        elif name.rpartition(".")[2] == "num_batches_tracked":
            continue
        else:
            missing.append(name)
        acceptable = acceptable and name.startswith(tuple(optional))
    unexpected = tuple(name for name in state if name not in own)
    return LoadReport(source, tuple(matched), tuple(missing), unexpected, tuple(wrong_shape)), acceptable


def mismatch_message(report: LoadReport, state: Mapping[str, Tensor], model: nn.Module) -> str:
    network = recognise_network(state)
    looks_like = f" The file looks like {network}." if network else ""
    return (
        f"{report.summary()}.{looks_like} These weights do not fit {type(model).__name__}, nothing was loaded: choose "
        "the network they belong to (name, width), or weights of this network."
    )


def file_fingerprint(path: Path | str) -> str:
    """First 8 hexadecimal digits of the SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()[:8]


# Pattern of one tensor name (searched anywhere in it, whatever prefix it has) and the network that has such a tensor.
# The first pattern that fits any name wins, so the more special ones come first.
SIGNATURES = (
    (
        r"layer\d\.block\d+\.(reduce|conv3x3|increase)\.",
        "the Caffe-style ResNet of DeepLab-v2 (layer2.block1.reduce.conv)",
    ),
    (r"\blayer1\.0\.conv2\.fc1\.", "a ResNeSt"),
    (r"\blayer3\.6\.conv3\.", "torchvision's ResNet-101 or deeper"),
    (r"\blayer1\.0\.conv3\.", "torchvision's ResNet-50"),
    (r"\blayer3\.5\.conv2\.", "torchvision's ResNet-34"),
    (r"\blayer1\.0\.conv2\.", "torchvision's ResNet-18"),
    (r"\bfeatures\.17\.conv\.", "torchvision's MobileNetV2"),
    (r"\bfeatures\.40\.(weight|running_mean)", "torchvision's VGG-16 with batch normalisation"),
    (r"\bfeatures\.28\.weight", "torchvision's VGG-16"),
    (r"\bconv1_1\.weight", "a VGG with Caffe's names (conv1_1)"),
    (r"\bb2\.conv_branch2a\.|\bconv1a\.weight", "the wide ResNet-38"),
    (r"\bpatch_embed\.", "a vision transformer (ViT or Swin)"),
)


def recognise_network(names: Iterable[str]) -> str | None:
    """Name of the network that the tensor ``names`` belong to, or None."""
    names = list(names)
    for pattern, network in SIGNATURES:
        if any(re.search(pattern, name) for name in names):
            return network
    return None
