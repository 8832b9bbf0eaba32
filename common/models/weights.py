"""Read published checkpoints and load them so that no tensor is lost in silence."""

from __future__ import annotations

import hashlib
import logging
import pickle
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from common.errors import CheckpointError
from common.files import require_intact
from common.models.containers import find_state_dict
from common.models.tensor_names import Rename, by_names, fit_names, is_count

# First bytes of a zip archive (torch.save since 1.6) and of a pickle (before).
ZIP_MAGIC = b"PK\x03\x04"
TORCH_MAGIC = (ZIP_MAGIC, b"\x80")
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
    remarks: tuple[str, ...] = ()
    """What was done to make the tensors fit: a prefix replaced, floats of another width converted."""

    def summary(self) -> str:
        """One line with the four counts and the first names of each kind that did not match."""
        parts = [f"{len(self.matched)} matched"]
        for kind in ("missing", "unexpected", "wrong_shape"):
            names: tuple[str, ...] = getattr(self, kind)
            examples = ", ".join(names[:N_EXAMPLES]) + (", ..." if len(names) > N_EXAMPLES else "")
            parts.append(f"{len(names)} {kind.replace('_', ' ')}" + (f" ({examples})" if names else ""))
        return f"{self.source}: " + ", ".join((*parts, *self.remarks))


def read_state_dict(path: Path | str, network: nn.Module | None = None) -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors`` file or of a PyTorch file (``.pth``, ``.pt``, ...), on the CPU.

    A state dict inside other mappings (``{"model_state_dict": ..., "optimizer": ...}``) is taken out, see
    :func:`common.models.containers.find_state_dict`. Nothing in the file is executed.

    Args:
        path: the file.
        network: whose tensors are looked for, where the file may hold several networks.

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
        # What is damaged in the header raises whatever it leads to.
        except Exception as error:
            raise CheckpointError(f"{path} is not a readable safetensors file ({error}); fetch it again.") from error
    return find_state_dict(read_torch_file(path), path, None if network is None else network.state_dict())


def read_torch_file(path: Path) -> Any:
    """Read a PyTorch file with ``weights_only=True``; the checksums of a zip archive, which torch ignores, are verified.

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
        if start.startswith(ZIP_MAGIC):
            require_intact(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds Python objects other than tensors and is not loaded, because unpickling them can run any "
            "program. If you trust its source, save its tensors alone (usually its "
            "entry state_dict) with torch.save under a new name, and give that file."
        ) from error
    except Exception as error:  # torch and zipfile raise many types for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is damaged ({reason}); fetch it again.") from error


def load_weights(
    model: nn.Module,
    state: Mapping[str, Tensor],
    *,
    source: str,
    rename: Rename = None,
    optional: Sequence[str] = (),
    force: bool = False,
) -> LoadReport:
    """Copy ``state`` into ``model``; either all that has to match matches, or ``model`` stays as it was.

    Names of the file may have other words in front of them than the network's (``module.``, ``scale.``): what has to be replaced
    is found by matching, see :mod:`common.models.tensor_names`. Tensors of the file that the network lacks (a classifier on top
    of a backbone) are reported, and no error.

    Args:
        model: the network.
        state: tensors by name; floats of another precision are converted to the network's.
        source: where ``state`` comes from, for messages.
        rename: a function, or a mapping of name prefixes to their replacement (longest first), for the names behind such words.
        optional: names or name prefixes of tensors of the network that may be missing or of another shape (a new head).
        force: load what matches although something is missing. Nothing matching at all is an error even so.

    Raises:
        CheckpointError: a tensor of the network is missing or of another shape, two tensors of the file get the same
            name, several prefixes fit equally, or a value is NaN, infinite or of a type that cannot stand for the network's.
    """
    own = model.state_dict()
    fit = fit_names(state, own, rename, tuple(optional))
    renamed = by_names(state, fit, source)
    report, acceptable = compare(own, renamed, source, optional)
    report = replace(report, remarks=(fit.describe(),) if fit.describe() else ())
    if not report.matched or not (acceptable or force):
        raise CheckpointError(mismatch_message(report, state, model))
    if fit.rivals:
        raise CheckpointError(
            f"{source} holds several networks that fit equally, with the prefixes "
            f"{', '.join(repr(before) for before in (fit.before, *fit.rivals))}; save the tensors of the one that is meant alone."
        )
    matched = {name: as_needed(name, renamed[name], own[name], source) for name in report.matched}
    conversions = Counter(str(renamed[name].dtype) for name in matched if renamed[name].dtype != matched[name].dtype)
    converted = (f"{count} converted from {dtype.removeprefix('torch.')}" for dtype, count in conversions.items())
    report = replace(report, remarks=(*report.remarks, *converted))
    model.load_state_dict(matched, strict=False)
    logger.log(logging.INFO if acceptable and not conversions else logging.WARNING, "%s", report.summary())
    return report


def as_needed(name: str, tensor: Tensor, own: Tensor, source: str) -> Tensor:
    """The tensor of a file in the type of the network's, ``own``.

    Raises:
        CheckpointError: it has values that are not finite, or a type that cannot stand for it.
    """
    fits = tensor.layout == torch.strided and not (tensor.is_quantized or tensor.is_meta or tensor.is_complex())
    if fits and own.is_floating_point():
        fits = tensor.is_floating_point()
    elif fits:
        fits = torch.equal(tensor.to(torch.float64), tensor.to(own.dtype).to(torch.float64))
    if not fits:
        raise CheckpointError(
            f"{source}: {name} holds {stored_kind(tensor)} values, where the network has "
            f"{str(own.dtype).removeprefix('torch.')}; the file is damaged or of something else: fetch it again."
        )
    converted = tensor.to(own.dtype)
    if not torch.isfinite(converted).all():
        raise CheckpointError(f"{source}: {name} holds NaN or infinite values; use another checkpoint.")
    return converted


def stored_kind(tensor: Tensor) -> str:
    """The type of a tensor in words, with what else keeps it from standing for an ordinary one."""
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.is_meta:
        return f"no {kind}"
    return kind if tensor.layout == torch.strided else f"sparse {kind}"


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
        elif is_count(name):
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
