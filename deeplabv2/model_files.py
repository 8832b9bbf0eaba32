"""Files of a :class:`PortableModel` that other programs run: ONNX (``.onnx``) and TorchScript (``.pt``), each with how to run it.

Both are written from what :func:`torch.jit.trace` records. The exporter on :func:`torch.export.export` (``dynamo=True``) gives the same
numbers, but retraces with symbolic sizes: a MobileNetV2 for images of any size takes it minutes, a multi-scale pyramid longer than
anybody waits; the recording takes seconds. torch calls TorchScript deprecated; its warnings, which the user of an export can do nothing
about, are told once, as a line.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from common.errors import ConfigError

INPUT_NAME = "images"
OUTPUT_NAMES = ("probabilities", "labels")
FACTS_FILE = "facts.json"
# The first with everything that the networks need; runtimes have had it since 2023.
OPSET = 18
# Neither side is a multiple of a stride, and there are two images, so that no size is taken for one that never changes.
EXAMPLE_SIZE = (2, 97, 131)
INSTALL_EXPORT = 'pip install -e ".[export]"'

# (height, width) of all images, or None for any.
FixedSize = tuple[int, int] | None
# uint8 RGB N x H x W x 3 -> probabilities, float32 N x C x H x W, and labels, uint8 N x H x W.
RunModel = Callable[[npt.NDArray[np.uint8]], tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]]


@dataclass(frozen=True)
class FileKind:
    """A form of file.

    Attributes:
        title: what it is called.
        content: (model, size, facts) -> the file.
        open: file -> function that runs it.
        packages: what has to be installed.
        note: what there is to know about it; may be empty.
    """

    title: str
    content: Callable[[nn.Module, FixedSize, Mapping[str, str]], bytes]
    open: Callable[[Path], RunModel]
    packages: Sequence[str] = ()
    note: str = ""

    def require_packages(self) -> None:
        """Raise :class:`ConfigError` where a package is missing."""
        for name in self.packages:
            installed(name)


def installed(name: str) -> Any:
    """A package of the extra ``export``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(f"an ONNX file needs {name}, which is not there ({error}): {INSTALL_EXPORT}") from error


@contextmanager
def without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def example_images(size: FixedSize) -> torch.Tensor:
    """Images to record a model with, uint8 N x H x W x 3."""
    shape = (1, *size, 3) if size else (*EXAMPLE_SIZE, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def onnx_content(model: nn.Module, size: FixedSize, facts: Mapping[str, str]) -> bytes:
    """An ONNX file whose ``metadata_props`` are the facts; sizes are symbolic where ``size`` is None."""
    onnx = import_module("onnx")
    sides = {0: "N", 1: "height", 2: "width"}
    axes = {INPUT_NAME: sides, "probabilities": {0: "N", 2: "height", 3: "width"}, "labels": sides}
    buffer = io.BytesIO()
    with without_warnings(), torch.no_grad():
        torch.onnx.export(
            model,
            (example_images(size),),
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT_NAME],
            output_names=list(OUTPUT_NAMES),
            dynamic_axes=None if size else axes,
        )
    proto = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(proto, dict(facts))
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def open_onnx(path: Path) -> RunModel:
    """An ONNX file in ONNX Runtime, on the CPU."""
    runtime = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        probabilities, labels = session.run(list(OUTPUT_NAMES), {INPUT_NAME: images})
        return probabilities, labels

    return run


def torchscript_content(model: nn.Module, size: FixedSize, facts: Mapping[str, str]) -> bytes:
    """A TorchScript file with the facts in its extra file :data:`FACTS_FILE`.

    Raises:
        ConfigError: a fixed size.
    """
    if size:
        raise ConfigError("--size is for ONNX: a TorchScript file takes images of any size; leave it out")
    buffer = io.BytesIO()
    with without_warnings(), torch.no_grad():
        recorded = torch.jit.trace(model, (example_images(None),), check_trace=False)
        torch.jit.save(recorded, buffer, {FACTS_FILE: json.dumps(dict(facts), ensure_ascii=False).encode()})
    return buffer.getvalue()


def open_torchscript(path: Path) -> RunModel:
    """A TorchScript file, on the CPU."""
    with without_warnings():
        model = torch.jit.load(str(path), map_location="cpu")

    def run(images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        with torch.inference_mode():
            probabilities, labels = model(torch.from_numpy(images))
        return probabilities.numpy(), labels.numpy()

    return run


FILE_KINDS = {
    ".onnx": FileKind("ONNX", onnx_content, open_onnx, ("onnx", "onnxruntime")),
    ".pt": FileKind(
        "TorchScript",
        torchscript_content,
        open_torchscript,
        note="torch calls TorchScript deprecated: it runs in today's versions, Python without this toolbox and C++; ONNX is the form to keep",
    ),
}


def kind_of_file(path: Path) -> FileKind:
    """The form of file that the ending says.

    Raises:
        ConfigError: another ending.
    """
    if path.suffix.lower() not in FILE_KINDS:
        raise ConfigError(f"--out {path} is of no known form; let it end in .onnx (ONNX) or .pt (TorchScript)")
    return FILE_KINDS[path.suffix.lower()]
