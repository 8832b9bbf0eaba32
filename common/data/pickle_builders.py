"""Stand-ins for the names that pickled arrays refer to.

numpy's own ``ndarray.__setstate__`` and ``dtype.__setstate__`` trust their input (an edited dtype turns bytes into
object pointers), so a file gets neither of them. It gets builders that collect the same arguments, check them, and
make the array through ``np.frombuffer``.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from common.data.pickle_limits import BUDGET

# One-letter kinds with a size: bool, int, unsigned, float, complex, bytes, text; or object.
# What numpy 2 allows; numpy 1 half as many.
MOST_AXES = 64
# Values that a tensor may have beyond those of its storage (it may repeat them).
REPEATED_VALUES = 1 << 20
DTYPE_CODE = re.compile(r"[biufcSU][0-9]{1,9}|O8?|O4|\?")
# Of a list, about; a set takes more.
BYTES_PER_ENTRY = 8


class PickleRefused(Exception):
    """A pickle asks for something that plain data does not need; the text names it."""


class Builder:
    """A callable a pickle may refer to by name. It has no settable state, so the file cannot alter it."""

    __slots__ = ("_build", "_name")
    _build: Callable[..., Any]
    _name: str

    def __init__(self, name: str, build: Callable[..., Any]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_build", build)

    @property
    def name(self) -> str:
        return self._name

    def __call__(self, *arguments: Any) -> Any:
        return self._build(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise PickleRefused(f"a change of {self.name}")

    def __setstate__(self, state: object) -> None:
        raise PickleRefused(f"a change of {self.name}")


class DtypeBuilder:
    """A numpy dtype of plain numbers or text, or of objects."""

    __slots__ = ("byte_order", "code")

    def __init__(self, code: Any, align: Any = False, copy: Any = True) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code
        self.byte_order = "="
        if not isinstance(self.code, str) or not DTYPE_CODE.fullmatch(self.code):
            raise PickleRefused(f"the array type {self.code!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, byte_order, subarray, names, fields = state[:5]
        if subarray is not None or names is not None or fields is not None:
            raise PickleRefused("an array of records")
        self.byte_order = byte_order.decode("latin1") if isinstance(byte_order, bytes) else byte_order
        if self.byte_order not in ("<", ">", "=", "|"):
            raise PickleRefused(f"the byte order {self.byte_order!r}")

    @property
    def is_object(self) -> bool:
        return self.code.startswith("O")

    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.byte_order + self.code)


class ArrayBuilder:
    """An array whose shape, type and content arrive in ``__setstate__`` or in the constructor."""

    __slots__ = ("axis_order", "content", "dtype", "fortran_order", "shape")

    def __init__(self) -> None:
        self.content: Any = None
        self.axis_order: tuple[int, ...] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        # (version, shape, dtype, is_fortran, content); the very first numpy versions left the version out.
        self.shape, self.dtype, self.fortran_order, self.content = state[-4:]
        if not isinstance(self.dtype, DtypeBuilder):
            raise PickleRefused("an array without a type")

    def array(self, finish_item: Callable[[Any], Any]) -> npt.NDArray[Any]:
        """The numpy array, of the shape and type that arrived; the items of an object array go through ``finish_item``."""
        if self.content is None:
            raise ValueError("an array without content")
        shape = tuple(int(size) for size in self.shape)
        if len(shape) > MOST_AXES:
            raise ValueError(f"an array with {len(shape)} axes")
        if self.dtype.is_object:
            flat = object_array(self.content, finish_item)
        else:
            BUDGET.spend(len(self.content))
            flat = array_from_bytes(self.content, self.dtype.dtype())
        if math.prod(shape) != flat.size or min(shape, default=0) < 0:
            raise ValueError(f"an array of shape {shape} with {flat.size} values")
        array = flat.reshape(shape, order="F" if self.fortran_order else "C")
        return array if self.axis_order is None else array.transpose(self.axis_order)


class StorageBuilder:
    """The values of a torch storage, a tensor [n] of any type; frozen, so that the file cannot alter it."""

    __slots__ = ("values",)

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def __setstate__(self, state: object) -> None:
        raise PickleRefused("a change of a tensor's storage")


def object_array(content: Any, finish_item: Callable[[Any], Any]) -> npt.NDArray[np.object_]:
    """A list as an array of objects [n], each item through ``finish_item``."""
    if not isinstance(content, list):
        raise PickleRefused("an object array made of raw memory")
    flat = np.empty(len(content), dtype=object)
    for index, item in enumerate(content):
        flat[index] = finish_item(item)
    return flat


def array_from_bytes(content: Any, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """A writable array [n] of type ``dtype`` over a copy of ``content`` (bytes, or a Python 2 string read as Latin-1)."""
    data = content.encode("latin1") if isinstance(content, str) else bytes(memoryview(content))
    return np.frombuffer(data, dtype=dtype).copy() if data else np.empty(0, dtype=dtype)


def reconstruct(array_class: Any, shape: Any, type_code: Any) -> ArrayBuilder:
    """``numpy.core.multiarray._reconstruct``: an empty array that gets its content later."""
    if array_class is not NDARRAY:
        raise PickleRefused("an array class other than numpy.ndarray")
    return ArrayBuilder()


def from_buffer(buffer: Any, dtype: Any, shape: Any, order: Any, axis_order: Any = None) -> ArrayBuilder:
    """``numpy.core.numeric._frombuffer``, used by pickle protocol 5."""
    builder = ArrayBuilder()
    builder.__setstate__((shape, dtype, order == "F", buffer))
    builder.axis_order = None if axis_order is None else tuple(int(axis) for axis in axis_order)
    return builder


def scalar(dtype: Any, content: Any = b"") -> Any:
    """``numpy.core.multiarray.scalar``, as a Python value."""
    if not isinstance(dtype, DtypeBuilder) or dtype.is_object:
        raise PickleRefused("a scalar that is not a number or text")
    values = array_from_bytes(content, dtype.dtype())
    if values.size != 1:
        raise ValueError(f"a scalar made of {values.size} values")
    return values[0].item()


def encode(text: Any, encoding: Any = "latin1") -> bytes:
    """``_codecs.encode``: how protocols 0 to 2 of Python 3 write bytes."""
    BUDGET.spend(len(text) if isinstance(text, str) else 0)
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise PickleRefused(f"the encoding {encoding!r}")
    return text.encode("latin1")


def make_bytes(content: Any = b"", encoding: Any = "latin1") -> bytes:
    """``bytes`` and ``bytearray``, for content that is already there; a length is refused."""
    if isinstance(content, str):
        return encode(content, encoding)
    if not isinstance(content, (bytes, bytearray)):
        raise PickleRefused("bytes that are not given")
    BUDGET.spend(len(content))
    return bytes(content)


def make_container(kind: type[Any]) -> Callable[..., Any]:
    """``list``, ``set`` and the like, of nothing or of another container."""

    def make(*arguments: Any) -> Any:
        if len(arguments) > 1 or not all(isinstance(one, (list, tuple, set, frozenset, dict)) for one in arguments):
            raise PickleRefused(f"a {kind.__name__} of something else than the entries of a container")
        BUDGET.spend(BYTES_PER_ENTRY * sum(map(len, arguments)))
        return kind(*arguments)

    return make


def storage_from_bytes(data: Any) -> StorageBuilder:
    """``torch.storage._load_from_bytes``: the values of a storage."""
    with warnings.catch_warnings():
        # torch warns that typed storages are deprecated, but they are what these files hold.
        warnings.simplefilter("ignore", UserWarning)
        BUDGET.spend(unpacked_size(data))
        storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return StorageBuilder(torch.empty(0, dtype=storage.dtype).set_(storage))


def unpacked_size(data: Any) -> int:
    """Bytes of a file of :func:`torch.save` once it is unpacked; that of the file itself where it is no archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile:
        return len(data)


def tensor_array(storage: Any, offset: Any, size: Any, stride: Any, *unused: Any) -> ArrayBuilder:
    """``torch._utils._rebuild_tensor_v2`` as an array: IRN's CAM files hold tensors."""
    if not isinstance(storage, StorageBuilder):
        raise PickleRefused("a tensor without a storage")
    n_values = math.prod(int(one) for one in size[:MOST_AXES])
    if n_values > storage.values.numel() + REPEATED_VALUES:
        raise ValueError(f"a tensor of {n_values} values in a storage of {storage.values.numel()}")
    BUDGET.spend(n_values * storage.values.element_size())
    array = torch.as_strided(storage.values, tuple(size), tuple(stride), int(offset)).numpy()
    builder = ArrayBuilder()
    builder.__setstate__((array.shape, DtypeBuilder(array.dtype.str[1:]), False, array.tobytes()))
    return builder


def refuse_call(*arguments: Any) -> Any:
    """``numpy.ndarray`` may be named in a file and never called."""
    raise PickleRefused("a direct call of numpy.ndarray")


def make_dict(*arguments: Any) -> dict[Any, Any]:
    """An ``OrderedDict`` or ``defaultdict`` as a plain dictionary; a default factory is dropped."""
    pairs = arguments[-1] if arguments and isinstance(arguments[-1], (list, tuple, dict)) else ()
    BUDGET.spend(BYTES_PER_ENTRY * len(pairs))
    return dict(pairs)


NDARRAY = Builder("numpy.ndarray", refuse_call)


def known_builders() -> dict[tuple[str, str], Builder]:
    """(module, name) as written in pickles -> what it is bound to."""
    functions: tuple[tuple[str, str, Callable[..., Any]], ...] = (
        ("multiarray", "_reconstruct", reconstruct),
        ("multiarray", "scalar", scalar),
        ("numeric", "_frombuffer", from_buffer),
    )
    # numpy 2 renamed numpy.core to numpy._core.
    table = {
        (f"numpy.{core}.{module}", name): Builder(f"numpy.{core}.{module}.{name}", build)
        for module, name, build in functions
        for core in ("core", "_core")
    }
    table["numpy", "ndarray"] = NDARRAY
    table["numpy", "dtype"] = Builder("numpy.dtype", DtypeBuilder)
    table["_codecs", "encode"] = Builder("_codecs.encode", encode)
    table["torch._utils", "_rebuild_tensor_v2"] = Builder("torch._utils._rebuild_tensor_v2", tensor_array)
    table["torch.storage", "_load_from_bytes"] = Builder("torch.storage._load_from_bytes", storage_from_bytes)
    table["collections", "OrderedDict"] = Builder("collections.OrderedDict", make_dict)
    table["collections", "defaultdict"] = Builder("collections.defaultdict", make_dict)
    # Python 2 called the module of the built-in types __builtin__.
    for module in ("builtins", "__builtin__"):
        kinds: tuple[type[Any], ...] = (set, frozenset, list, dict, tuple)
        for kind in kinds:
            table[module, kind.__name__] = Builder(f"{module}.{kind.__name__}", make_container(kind))
        for name in ("bytes", "bytearray"):
            table[module, name] = Builder(f"{module}.{name}", make_bytes)
    return table


BUILDERS = known_builders()
