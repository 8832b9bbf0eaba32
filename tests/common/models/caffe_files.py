"""Writes caffemodels, field by field."""

import struct

import numpy as np


def varint(number):
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def field(number, value):
    """One field: an int as varint, a float as four bytes, text and bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def blob(values, packed=True):
    values = np.asarray(values, np.float32).ravel()
    data = field(5, values.tobytes()) if packed else b"".join(field(5, float(value)) for value in values)
    return field(7, data + field(7, field(1, varint(values.size))))


def layer(name, kind, blobs=(), settings=b"", packed=True):
    content = field(1, name) + field(2, kind) + field(3, "below") + b"".join(blob(values, packed) for values in blobs)
    return field(100, content + settings)
