"""Read the layers of a ``.caffemodel`` without Caffe: a protocol-buffer message, of which few fields matter here.

The wire format is a sequence of keys (field number and wire type) and values; see the protocol-buffer documentation on
encoding. Field numbers are those of Caffe's ``caffe.proto``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import CheckpointError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
NET_LAYER, NET_OLD_LAYER = 100, 2
LAYER_NAME, LAYER_TYPE, LAYER_BLOBS = 1, 2, 7
BLOB_FLOATS, BLOB_DOUBLES = 5, 8

# No kernel, stride or padding is larger; a damaged number can be.
LARGEST_SETTING = 2**31 - 1

Value = int | memoryview


class Setting(NamedTuple):
    """Fields of one setting of a layer: one number for both axes (or two), or one field per axis; and the default."""

    both: int
    height: int
    width: int
    default: int


# Layer type: field of its parameters in the layer, its settings by PyTorch's name.
SIZES = {
    "Convolution": (
        106,
        {
            "kernel_size": Setting(4, 11, 12, 0),
            "stride": Setting(6, 13, 14, 1),
            "padding": Setting(3, 9, 10, 0),
            "dilation": Setting(18, 0, 0, 1),
        },
    ),
    "Pooling": (
        121,
        {"kernel_size": Setting(2, 5, 6, 0), "stride": Setting(3, 7, 8, 1), "padding": Setting(4, 9, 10, 0)},
    ),
}
BATCHNORM, BATCHNORM_FRACTION, BATCHNORM_EPS = 139, 2, 3


@dataclass(frozen=True)
class CaffeLayer:
    """One layer.

    Attributes:
        name, type: as in the file.
        blobs: its numbers, flat float32.
        settings: what a PyTorch module of this type calls kernel_size, stride, padding, dilation (pairs), eps, momentum.
    """

    name: str
    type: str
    blobs: list[np.ndarray]
    settings: dict[str, tuple[int, int] | float]


def read_caffemodel(path: Path) -> list[CaffeLayer]:
    """The layers of a file, in order.

    Raises:
        CheckpointError: the file is missing, is no caffemodel, is cut off, or has the format of before 2014.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no caffemodel {path}; check the path")
    try:
        net = read_message(memoryview(path.read_bytes()))
        layers = [read_layer(read_message(as_bytes(layer))) for layer in net[NET_LAYER]]
    except (ValueError, IndexError, OSError) as error:
        raise CheckpointError(f"{path} is not a whole caffemodel ({error}); fetch it again") from error
    if not layers:
        old = " It has layers in the format of before 2014; upgrade it with Caffe." if net[NET_OLD_LAYER] else ""
        raise CheckpointError(f"{path} holds no layers.{old}")
    return layers


def read_layer(layer: dict[int, list[Value]]) -> CaffeLayer:
    name, kind = (bytes(as_bytes(layer[field][-1])).decode() for field in (LAYER_NAME, LAYER_TYPE))
    blobs = [read_blob(read_message(as_bytes(blob))) for blob in layer[LAYER_BLOBS]]
    return CaffeLayer(name, kind, blobs, read_settings(layer, kind))


def read_blob(blob: dict[int, list[Value]]) -> np.ndarray:
    """The numbers of a blob, float32 [n]; floats may be packed into one value or stand alone."""
    field, dtype = (BLOB_DOUBLES, "<f8") if blob[BLOB_DOUBLES] else (BLOB_FLOATS, "<f4")
    parts = [np.frombuffer(as_bytes(value), dtype) for value in blob[field]]
    return np.concatenate(parts).astype(np.float32, copy=False) if parts else np.empty(0, np.float32)


def read_settings(layer: dict[int, list[Value]], kind: str) -> dict[str, tuple[int, int] | float]:
    """Settings of convolutions, pools and BatchNorm; of other layers none."""
    if kind == "BatchNorm":
        fields = read_message(as_bytes(layer[BATCHNORM][-1])) if layer[BATCHNORM] else {}
        eps, fraction = (
            float(np.frombuffer(as_bytes(fields[field][-1]), "<f4")[0]) if fields.get(field) else default
            for field, default in ((BATCHNORM_EPS, 1e-5), (BATCHNORM_FRACTION, 0.999))
        )
        return {"eps": eps, "momentum": 1 - fraction}
    if kind not in SIZES or not layer[SIZES[kind][0]]:
        return {}
    number, settings = SIZES[kind]
    fields = read_message(as_bytes(layer[number][-1]))
    return {name: read_pair(fields, setting) for name, setting in settings.items()}


def read_pair(fields: dict[int, list[Value]], setting: Setting) -> tuple[int, int]:
    """(height, width) of a setting."""
    both = [number for value in fields.get(setting.both, []) for number in whole_numbers(value)]
    height, width = (
        whole_numbers(fields[field][-1])[0] if fields.get(field) else setting.default
        for field in (setting.height, setting.width)
    )
    pair = (both[0], both[-1]) if both else (height, width)
    if max(pair) > LARGEST_SETTING:
        raise ValueError(f"a size of {pair} pixels")
    return pair


def whole_numbers(value: Value) -> list[int]:
    """The numbers in ``value``: the one that it is, or those that are packed into it."""
    if isinstance(value, int):
        return [value]
    numbers, position = [], 0
    while position < len(value):
        number, position = read_varint(value, position)
        numbers.append(number)
    return numbers


def read_message(message: memoryview) -> defaultdict[int, list[Value]]:
    """Field number -> its values in order."""
    fields: defaultdict[int, list[Value]] = defaultdict(list)
    for field, value in read_fields(message):
        fields[field].append(value)
    return fields


def read_fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """(field number, value): an int for a varint, else the value's bytes.

    Raises:
        ValueError: the message is cut off or has a wire type that does not exist.
    """
    position = 0
    while position < len(message):
        key, position = read_varint(message, position)
        field, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, position = read_varint(message, position)
            yield field, value
            continue
        if wire_type == BYTES:
            length, position = read_varint(message, position)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {position}")
        if position + length > len(message):
            raise ValueError(f"{position + length - len(message)} bytes are missing")
        yield field, message[position : position + length]
        position += length


def read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """The number at ``position``, seven bits per byte, and the position after it."""
    number = shift = 0
    while True:
        if position >= len(message):
            raise ValueError("it ends inside a number")
        byte = message[position]
        number |= (byte & 0x7F) << shift
        shift += 7
        position += 1
        if byte < 0x80:
            return number, position
        if shift > 63:
            raise ValueError(f"a number of more than ten bytes at byte {position}")


def as_bytes(value: Value) -> memoryview:
    """``value`` as the bytes of a message; ValueError for a number."""
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value
